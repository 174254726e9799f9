import { abortError, type PredictorInstance } from 'vivace';
import { describeError, VivaceError } from 'vivace/wire';
import { checkSignature } from './inspection.js';
import { openSession, runner, type ThreadData } from './session.js';

/** An instance on the event loop, which stands still while the model runs. */
export async function loadInProcess(
  { signature, ...data }: ThreadData & { readonly signature: NonNullable<ThreadData['signature']> },
  { signal }: { readonly signal: AbortSignal },
): Promise<PredictorInstance> {
  const session = await openSession(data);
  try {
    if (signal.aborted) throw abortError(signal);
    checkSignature(session, signature);
  } catch (error) {
    await session.release();
    throw error;
  }
  const run = runner(session, signature);
  const running = new Set<Promise<unknown>>();
  let unloaded = false;
  let close: (reason: string) => void;
  const closed = new Promise<string>((resolve) => (close = resolve));
  const gone = (started?: false): VivaceError =>
    new VivaceError('UNAVAILABLE', 'the model was unloaded', started === undefined ? {} : { started });
  return {
    closed,
    async predict(inputs, context) {
      if (unloaded) throw gone(false);
      if (context.signal.aborted) throw abortError(context.signal);
      const answer = run(inputs);
      running.add(answer);
      try {
        const outputs = await answer;
        if (unloaded) throw gone();
        return outputs;
      } catch (error) {
        const { code, message } = describeError(error, 'PREDICTOR_FAILED');
        throw new VivaceError(code, message, { cause: error });
      } finally {
        running.delete(answer);
      }
    },
    async unload() {
      unloaded = true;
      close('the model was unloaded');
      await Promise.allSettled(running);
      await session.release();
    },
  };
}
