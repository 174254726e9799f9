import { httpServer, type Definition } from 'vivace';
import { memory, type InjectableServer } from 'vivace/adapters/memory';
import { operations } from 'vivace/plugins/operations';
import { rest } from 'vivace/plugins/rest';
import { makePart, startPart, transportContract } from 'vivace/testing';
import { serverFace } from '../support/server-face.js';

const transports: readonly (readonly [string, Definition, string])[] = [
  ['rest', rest, '/v1/pipelines'],
  ['operations', operations, '/health/live'],
];

for (const [name, definition, path] of transports) {
  describe(name, () => {
    let http: InjectableServer;
    const stops: (() => Promise<void>)[] = [];
    afterEach(async () => {
      for (const stop of stops.splice(0)) await stop();
    });

    transportContract({
      runner: { describe, it, beforeEach, afterEach },
      server: serverFace(),
      async make() {
        const web = await startPart(memory);
        stops.push(() => web.stop());
        http = web.face(httpServer) as InjectableServer;
        return makePart(definition, {}, { uses: { server: http } });
      },
      answers: async () => (await http.inject({ path })).status === 200,
    });
  });
}
