import { cellAt, isValid } from '../../data/column.js';
import { around } from '../../kernel/around.js';
import type { MaybePromise } from '../../kernel/call.js';
import type { Clock } from '../../parts/context.js';
import { type RunLayer, type RunPipeline } from '../../pipeline/layers.js';
import type { Plan } from '../../pipeline/plan.js';
import type { Run } from '../../pipeline/run.js';
import type { ServedLog } from '../../ports/served-log.js';
import { isKept } from './sampling.js';
import { ServedRows } from './served-rows.js';

/** Gives the requests that a pipeline has answered to its log, only those that are kept. */
export class RecordServed implements RunLayer {
  readonly name = 'record-served';
  readonly order = 310;
  readonly #log: (part: string) => ServedLog;
  readonly #clock: Clock;

  /** @param log The served-log part of a name. */
  constructor(log: (part: string) => ServedLog, clock: Clock) {
    this.#log = log;
    this.#clock = clock;
  }

  wrap(plan: Plan, next: RunPipeline): RunPipeline | undefined {
    const { record } = plan;
    if (record === false || record.served === undefined) return undefined;
    const { in: part, share } = record.served;
    const rows = new ServedRows(plan, record.served);
    const writer = this.#log(part).open(rows);
    return (run): MaybePromise<void> =>
      around(
        () => next(run),
        (failure) => {
          const { frame, models, call } = run;
          if (failure !== undefined || frame === undefined) return;
          if (!isKept(textOf(plan, run) ?? call.requestId, share)) return;
          const { requestId } = call;
          const item = rows.item({ requestId, frame, models, answeredMs: this.#clock.now() });
          if (item.rows > 0) writer.keep(item);
        },
      );
  }
}

/** The value by which a request is kept or left out, as a text; `undefined` where it has none. */
function textOf({ servedBy }: Plan, { frame }: Run): string | undefined {
  if (servedBy === undefined) return undefined;
  const column = frame!.column(servedBy.place);
  return isValid(column, 0) ? String(cellAt(column, 0)) : undefined;
}
