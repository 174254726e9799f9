import { definePlugin, featureSource } from 'vivace';
import { z } from 'zod';

const earthRadiusKm = 6371;
const radians = (degrees: number): number => (degrees * Math.PI) / 180;

/** The distance from a depot to a point, along a great circle. */
export const greatCircle = definePlugin({
  provides: featureSource,
  name: 'great-circle',
  options: z.strictObject({
    depot: z.tuple([z.number(), z.number()]).describe('[latitude, longitude], degrees'),
  }),
  describe: () => ({
    keys: { latitude: 'float64', longitude: 'float64' },
    features: { distance_km: { type: 'float32', unit: 'km' } },
    offline: 'pure',
  }),
  create: ({ depot: [depotLatitude, depotLongitude] }) => ({
    read(keys, out) {
      const [latitude, longitude] = [
        keys.column('latitude').values,
        keys.column('longitude').values,
      ] as Float64Array[];
      const distance = out.column('distance_km').values;
      for (let row = 0; row < keys.rows; row++) {
        const [a, b] = [radians(depotLatitude), radians(latitude![row]!)];
        const half =
          Math.sin((b - a) / 2) ** 2 +
          Math.cos(a) * Math.cos(b) * Math.sin(radians(longitude![row]! - depotLongitude) / 2) ** 2;
        distance[row] = 2 * earthRadiusKm * Math.asin(Math.sqrt(half));
      }
    },
  }),
});
