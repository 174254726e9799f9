import { type PipelineDeclaration, type ServerOf } from 'vivace';
import { memory } from 'vivace/adapters/memory';
import { operations } from 'vivace/plugins/operations';
import { rest } from 'vivace/plugins/rest';
import { inMemory, type Spans } from './in-memory-telemetry.js';
import { scripted, withServer, type ReadRows } from './scripted.js';

export const byId = {
  objects: { fields: { id: 'string' } },
  steps: [{ fetch: 'source' }],
  response: { outputs: { v: 'source.v' } },
} as const satisfies PipelineDeclaration;

/** Runs a source that is a function, in a process with a context manager. */
export async function tracedSource(
  read: ReadRows,
  use: (server: ServerOf<{ p: typeof byId }>) => Promise<unknown>,
  pipeline = byId as object,
): Promise<Spans> {
  const { part, spans, finished } = inMemory({ contextManager: true });
  const parts = {
    source: { use: scripted, features: { v: 'float64' }, maxAgeMs: 1000, read },
    web: { use: memory },
    api: { use: rest, server: 'web' },
    ops: { use: operations, server: 'web' },
    telemetry: { use: part },
  };
  const pipelines = { p: { ...byId, ...pipeline } };
  const clock = { now: () => 1_000_000, monotonic: () => 0 };
  return withServer({ parts, pipelines, clock }, async (server) => {
    spans.reset();
    await use(server as never);
    return finished();
  });
}

export const present: ReadRows = (_keys, out) => {
  out.eventTime.fill(1_000_000_000);
  out.setAllPresent();
};
export const objects = [{ id: 'a' }];
