import { VivaceError, type PipelineDescription, type PredictCall, type ServerFace } from 'vivace';

/** A server with one pipeline, `echo`, that answers with the body it got; a test replaces what it is about. */
export function serverFace(own: Partial<ServerFace> = {}): ServerFace {
  return {
    state: 'ready',
    readiness: () => ({ ready: true, reasons: [] }),
    pipelines: () => ['echo'],
    describe: (name) => {
      if (name !== 'echo')
        throw new VivaceError('NOT_FOUND', `there is no pipeline "${name}": there is echo`);
      return echo;
    },
    predictJson: (name, { body, requestId }: PredictCall) =>
      name === 'echo'
        ? Promise.resolve(JSON.stringify({ requestId, body }))
        : Promise.reject(new VivaceError('NOT_FOUND', `there is no pipeline "${name}": there is echo`)),
    models: () => [],
    scrape: () => Promise.resolve(undefined),
    info: () => ({ name: 'vivace', version: '1.2.3' }),
    ...own,
  };
}

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
