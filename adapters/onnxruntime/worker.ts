import { parentPort, workerData } from 'node:worker_threads';
import { answerCalls, describeError, type CallPort } from 'vivace/wire';
import { checkSignature, inspectSession } from './inspection.js';
import { openSession, prober, runner, type ThreadData } from './session.js';

const port = parentPort as CallPort;
const data = workerData as ThreadData;
try {
  const session = await openSession(data);
  const { signature } = data;
  if (signature === undefined) {
    port.postMessage({ ready: await inspectSession(session, prober(session)) }, []);
  } else {
    checkSignature(session, signature);
    answerCalls(port, signature, runner(session, signature));
    port.postMessage({ ready: true }, []);
  }
} catch (error) {
  port.postMessage({ failed: describeError(error, 'FAILED_PRECONDITION') }, []);
}
