import { randomUUID } from 'node:crypto';
import { Call, type Server } from 'vivace';

/** The most rounds that a predictor is left alone: with one round each two seconds, half a minute. */
const mostRounds = 15;

interface Looking {
  /** The server that serves now: another one after each edit. */
  readonly server: () => Pick<Server, 'control'>;
  /** Resolves when the next round is due. */
  readonly wait: () => Promise<void>;
  readonly signal: AbortSignal;
}

/**
 * Looks for new versions of models more often than predictors do by themselves, until the signal aborts.
 *
 * A predictor whose look fails, or that follows no repository, is left alone for one round, then for three, and so on, until an edit brings
 * another server: a repository that is down is not asked, and its outage not logged, every two seconds. All are asked at the same time, so that
 * one that hangs does not delay the others.
 */
export async function lookForModels({ server, wait, signal }: Looking): Promise<void> {
  let asked: Pick<Server, 'control'> | undefined;
  let failures = new Map<string, number>();
  let left = new Map<string, number>();
  for (;;) {
    await wait();
    if (signal.aborted) return;
    const current = server();
    if (current !== asked) {
      failures = new Map();
      left = new Map();
    }
    asked = current;
    const { control } = current;
    const due = control.predictors().filter(({ name }) => {
      const rounds = left.get(name) ?? 0;
      left.set(name, rounds - 1);
      return rounds <= 0;
    });
    await Promise.all(
      due.map(async ({ name }) => {
        try {
          await control.refresh(name, new Call({ requestId: randomUUID(), signal }));
          failures.delete(name);
          left.delete(name);
        } catch {
          // The predictor logs what goes wrong; some do not follow a repository.
          const times = (failures.get(name) ?? 0) + 1;
          failures.set(name, times);
          left.set(name, Math.min(2 ** times - 1, mostRounds));
        }
      }),
    );
  }
}
