import { randomUUID } from 'node:crypto';
import ort from 'onnxruntime-node';
import type { FeatureView } from 'vivace';
import { rankingColumns } from './pipelines.js';
import { sessionOptions } from './session-options.js';
import { openRows, StoredRows } from './stored-rows.js';

interface RankBody {
  readonly request: { readonly origin: string; readonly departure: string };
  readonly objects: readonly { readonly destination: string }[];
}

/**
 * The ranking of the bench with the least work: every key read once, values straight into the model's tensor, the model in this thread,
 * nothing checked.
 *
 * @returns A function from the body of a request to the text of its answer.
 */
export async function rankByHand(
  given: { readonly store: string; readonly model: string },
  views: ReadonlyMap<string, FeatureView>,
): Promise<(body: string) => Promise<string>> {
  const database = openRows(given.store);
  const airports = new StoredRows(database, views.get('airport_delay')!);
  const routes = new StoredRows(database, views.get('route_delay')!);
  const session = await ort.InferenceSession.create(given.model, sessionOptions);
  const width = rankingColumns.length;
  const perAirport = 15;
  const perRoute = 16;
  const here = new Float32Array(perAirport);

  return async (body) => {
    const { request, objects } = JSON.parse(body) as RankBody;
    const count = objects.length;
    const departure = new Date(request.departure);
    const hour = departure.getUTCHours();
    const weekday = departure.getUTCDay() || 7;
    airports.read(request.origin, here, 0);
    const features = new Float32Array(count * width);
    for (let row = 0, at = 0; row < count; row++, at += width) {
      const { destination } = objects[row]!;
      features.set(here, at);
      airports.read(destination, features, at + perAirport);
      routes.read(`${request.origin}/${destination}`, features, at + 2 * perAirport);
      features[at + 2 * perAirport + perRoute] = hour;
      features[at + 2 * perAirport + perRoute + 1] = weekday;
    }
    const { delay } = await session.run({ features: new ort.Tensor('float32', features, [count, width]) });
    const delays = delay!.data as Float32Array;
    const order = Uint32Array.from(objects, (_, i) => i).sort((a, b) => delays[a]! - delays[b]! || a - b);
    const ranked = Array.from(order, (index) => ({
      index,
      destination: objects[index]!.destination,
      delay: delays[index],
    }));
    const models = [{ step: 'delays', name: 'rank', version: '1' }];
    return JSON.stringify({ requestId: randomUUID(), models, objects: ranked, degraded: [] });
  };
}
