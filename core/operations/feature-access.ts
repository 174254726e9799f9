import { createFeaturePlane, viewNamed } from '../composition/feature-plane.js';
import { PushCounters } from '../composition/push-counters.js';
import type { Server } from '../composition/server-interface.js';
import type { CallContext } from '../kernel/call.js';
import type { FeaturePlane } from '../ports/data-plane.js';
import { onlineStore } from '../ports/online-store.js';
import { servedLog } from '../ports/served-log.js';
import type { FeatureView } from '../views/view.js';
import { startNeeded } from './with-server.js';

/** A view of a server, and what reads and writes its store. */
export interface FeatureAccess {
  readonly view: FeatureView;
  readonly plane: FeaturePlane;
  /** The rows of the store end with the process. */
  readonly volatile: boolean;
}

/**
 * Opens the store of a view. A new server starts that store, the log that keeps what is pushed, and the other parts that are named; a server that has started is used as it is.
 *
 * @throws {VivaceError} `NOT_FOUND` where there is no such view.
 */
export async function featureAccess(
  server: Server,
  name: string,
  { context, parts = [] }: { readonly context: CallContext; readonly parts?: readonly string[] },
): Promise<FeatureAccess> {
  const view = viewNamed(server.views, name);
  const logs = view.source?.log === undefined ? [] : [view.source.log];
  await startNeeded(server, [view.store, ...logs, ...parts], context);
  const store = server.part(onlineStore, view.store);
  return {
    view,
    volatile: store.supports?.volatile === true,
    plane: createFeaturePlane({
      views: () => server.views,
      open: (wanted) => server.part(onlineStore, wanted.store).open(wanted),
      log: (part) => server.part(servedLog, part),
      clock: server.clock,
      pushed: new PushCounters(),
      // The signal of the operation bounds it.
      counted: (_, run) => run(context),
    }),
  };
}
