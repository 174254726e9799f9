import type { CallContext, ChangedPeriod, FeatureView, Ledger, Warehouse } from 'vivace';
import { explained } from './check.js';
import { closedPeriods } from './closed-periods.js';
import { usableSource } from './usable-source.js';

/** The periods of a source whose rows are not what they were when a ledger was written; `undefined` where it does not say what they were. */
export async function changedSince(
  view: FeatureView,
  { closed }: Pick<Ledger, 'closed'>,
  { warehouse, context }: { readonly warehouse: Warehouse; readonly context: CallContext },
): Promise<readonly ChangedPeriod[] | undefined> {
  if (closed === undefined) return undefined;
  const source = await usableSource(view, warehouse, context);
  try {
    const compared = { ledger: { closed }, until: closed.until, warehouse, context };
    return (await closedPeriods(view, source, compared)).changed;
  } catch (error) {
    throw await explained(error, source, { warehouse, context });
  }
}
