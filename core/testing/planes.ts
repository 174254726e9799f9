import { columnOf } from '../data/column.js';
import { parseType } from '../data/types.js';
import { VivaceError } from '../kernel/errors.js';
import type { ControlPlane } from '../ports/control-plane.js';
import type { DataPlane, PipelineDescription, PipelinePlane } from '../ports/data-plane.js';
import type { Planes } from '../ports/transport.js';

/** What a test replaces of the planes. */
export interface OwnPlanes {
  readonly pipelines?: Partial<PipelinePlane>;
  readonly predictors?: Partial<DataPlane['predictors']>;
  readonly features?: Partial<DataPlane['features']>;
  readonly control?: Partial<ControlPlane>;
}

/**
 * A server as transports see it, with one pipeline, `echo`, that takes a `text` and `numbers`, both optional, and answers with them.
 *
 * @param own Replaces what a test is about.
 */
export function planes(own: OwnPlanes = {}): Planes {
  return {
    data: {
      pipelines: {
        names: () => ['echo'],
        describe: (name) => {
          if (name === 'echo') return echo;
          throw unknown('pipeline', name, 'echo');
        },
        predict: async (name, input, { requestId }) => {
          if (name !== 'echo') throw unknown('pipeline', name, 'echo');
          const { request } = typeof input === 'function' ? input() : input;
          return { requestId, models: [], degraded: [], outputs: request };
        },
        ...own.pipelines,
      },
      predictors: {
        list: () => [],
        describe: async (name) => {
          throw unknown('predictor', name, 'none');
        },
        predict: async (name) => {
          throw unknown('predictor', name, 'none');
        },
        ...own.predictors,
      },
      features: {
        views: () => new Map(),
        describePush: (name) => {
          throw unknown('view', name, 'none');
        },
        push: async (name) => {
          throw unknown('view', name, 'none');
        },
        describeRead: ([name = '']) => {
          throw unknown('view', name, 'none');
        },
        read: async ([name = '']) => {
          throw unknown('view', name, 'none');
        },
        ...own.features,
      },
    },
    control: {
      state: 'ready',
      readiness: () => ({ ready: true, reasons: [], details: [] }),
      parts: () => [],
      predictors: () => [],
      models: () => [],
      contracts: () => [],
      plans: () => ({ echo: echo.plan }),
      views: () => new Map(),
      info: () => ({ name: 'vivace', version: '1.2.3' }),
      scrape: async () => undefined,
      refresh: async (name) => {
        throw unknown('predictor', name, 'none');
      },
      ...own.control,
    },
  };
}

/** What the pipeline `echo` answers to a request with this text. */
export const echoed = (
  requestId: string,
  text: string | null,
): Awaited<ReturnType<PipelinePlane['predict']>> => ({
  requestId,
  models: [],
  degraded: [],
  outputs: [columnOf(textType, [text]), columnOf(numbersType, [null])],
});

const unknown = (what: string, name: string, known: string): VivaceError =>
  new VivaceError('NOT_FOUND', `there is no ${what} "${name}": there is ${known}`);

const textType = parseType('string');
const numbersType = parseType('list<float64>');

const echo: PipelineDescription = {
  name: 'echo',
  request: [
    { name: 'text', type: textType, optional: true, maxLength: 65_536 },
    { name: 'numbers', type: numbersType, optional: true },
  ],
  outputs: [
    { name: 'text', type: textType },
    { name: 'numbers', type: numbersType },
  ],
  deadlineMs: 1000,
  explain: true,
  explained: [],
  plan: { nodes: [] },
};
