import { airportCode, departure, fullSize } from './flight-store.js';
import { jsonRequest } from './http-client.js';
import { distinctNumbers, randomNumbers } from './random.js';

const bodies = 64;

/**
 * Requests to rank distinct destinations, drawn at random from those that have a route from the request's origin.
 *
 * @param headers Headers besides those of every request, by name.
 */
export function rankRequests(objects: number, headers: Readonly<Record<string, string>> = {}): Buffer[] {
  const random = randomNumbers(objects);
  const { airports, origins } = fullSize;
  return Array.from({ length: bodies }, () => {
    const origin = Math.floor(random() * origins);
    const perOrigin = airports / origins;
    const destinations = distinctNumbers(random, objects, perOrigin).map((at) =>
      airportCode(origin * perOrigin + at),
    );
    return jsonRequest(
      '/v1/pipelines/rank/predict',
      {
        request: { origin: airportCode(origin), departure },
        objects: destinations.map((destination) => ({ destination })),
      },
      headers,
    );
  });
}
