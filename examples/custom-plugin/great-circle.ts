import { definePlugin, featureSource } from 'vivace';
import { z } from 'zod';

const earthRadiusKm = 6371;
const radians = (degrees: number): number => (degrees * Math.PI) / 180;
const point = z.tuple([z.number(), z.number()]);

/** The distance from a depot to each of some places, along a great circle. */
export const greatCircle = definePlugin({
  provides: featureSource,
  name: 'great-circle',
  options: z.strictObject({
    depot: point.describe('[latitude, longitude], degrees'),
    places: z.record(z.string(), point).describe('[latitude, longitude] per place, degrees'),
  }),
  describe: () => ({
    keys: { place: 'string' },
    features: { distance_km: { type: 'float32', unit: 'km' } },
    offline: 'pure',
  }),
  create: ({ depot: [latitude, longitude], places }) => ({
    read(keys, out) {
      const names = keys.column('place').values;
      names.forEach((name, row) => {
        const place = places[name];
        if (place === undefined) return out.setMissing(row);
        const [a, b] = [radians(latitude), radians(place[0])];
        const half =
          Math.sin((b - a) / 2) ** 2 +
          Math.cos(a) * Math.cos(b) * Math.sin(radians(place[1] - longitude) / 2) ** 2;
        out.column('distance_km').set(row, 2 * earthRadiusKm * Math.asin(Math.sqrt(half)));
      });
    },
  }),
});
