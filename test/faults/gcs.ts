import { gcs } from 'vivace/adapters/gcs';
import { GcsServer } from '../servers/gcs-server.js';
import type { CannedAnswer } from '../servers/http-proxy.js';
import type { FaultTable } from '../servers/faults.js';
import { blobStoreFaults } from '../servers/blob-store-faults.js';

let server: GcsServer | undefined;

/** Starts the server that the faults happen to. */
export async function openGcs(): Promise<void> {
  server = await GcsServer.start({ backend: 'filesystem' });
}

export async function closeGcs(): Promise<void> {
  await server?.stop();
}

/** An error as the JSON API answers it. */
function answer(status: number, reason: string, message: string): CannedAnswer {
  const body = JSON.stringify({ error: { code: status, message, errors: [{ reason, message }] } });
  return { status, headers: { 'content-type': 'application/json' }, body };
}

export const gcsFaults: FaultTable = blobStoreFaults({
  definition: gcs,
  server: () => server!,
  startIn: (directory) => GcsServer.start({ directory, backend: 'filesystem' }),
  once: { maxRetries: 0 },
  throttled: answer(
    429,
    'rateLimitExceeded',
    'The object exceeded the rate limit for object mutation operations.',
  ),
  refused: answer(401, 'authError', 'Invalid Credentials'),
  full: answer(500, 'internalError', 'write /data/k: no space left on device'),
  wrongPassword: { anonymous: false, credentialsFile: 'test/servers/programs.ts' },
  wrongPasswordOutcome: 'UNAUTHENTICATED, by a file that is none and by the answer 401, replayed',
});
