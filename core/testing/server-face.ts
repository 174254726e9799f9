import type { PipelineDescription, ServerFace } from '../ports/server-face.js';
import { VivaceError } from '../kernel/errors.js';

/**
 * A server as transports see it, with one pipeline, `echo`, that answers with the body it got.
 *
 * @param own Replaces what a test is about.
 */
export function serverFace(own: Partial<ServerFace> = {}): ServerFace {
  return {
    state: 'ready',
    readiness: () => ({ ready: true, reasons: [] }),
    pipelines: () => ['echo'],
    describe: (name) => {
      if (name === 'echo') return echo;
      throw unknown(name);
    },
    predictJson: async (name, { body, requestId }) => {
      if (name === 'echo') return JSON.stringify({ requestId, body });
      throw unknown(name);
    },
    models: () => [],
    scrape: async () => undefined,
    info: () => ({ name: 'vivace', version: '1.2.3' }),
    ...own,
  };
}

const unknown = (name: string): VivaceError =>
  new VivaceError('NOT_FOUND', `there is no pipeline "${name}": there is echo`);

const echo: PipelineDescription = {
  name: 'echo',
  requestSchema: {
    type: 'object',
    properties: { request: { $ref: '#/$defs/fields' } },
    $defs: { fields: { type: 'object' } },
  },
  responseSchema: { type: 'object' },
  plan: { nodes: [] },
};
