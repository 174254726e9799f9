import { connect as connectSocket, isIP } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { resolve } from 'node:path';
import type * as Couchbase from 'couchbase';
import type { Authenticator, Cluster } from 'couchbase';
import { messageOf, VivaceError, type CallContext, type ErrorCode } from 'vivace';
import { readTls, tlsReason, type TlsMaterial } from 'vivace/kit';
import type { CouchbaseSettings } from './couchbase.js';
import { codeOf, isTimeout } from './errors.js';
import { limit } from './limit.js';

type Sdk = Pick<typeof Couchbase, 'connect'>;

const diagnosisMs = 1000;

/** The share of a start's time to connect in; the rest is for finding out why nobody answers. */
const shareToConnect = 0.8;

/**
 * Connects and opens the bucket.
 *
 * @throws {VivaceError} which names the address, the bucket or the user, and what to check.
 */
export async function connect(
  sdk: Sdk,
  settings: CouchbaseSettings,
  { directory, context }: { readonly directory: string; readonly context: CallContext },
): Promise<Cluster> {
  const url = settings.url as string;
  const tls = await readTls(settings, directory);
  const { profile, connectTimeoutMs } = settings;
  const shareMs = shareToConnect * limit(context, Infinity).timeout;
  // The SDK puts those of a profile in the place of all others.
  const { timeout: timeoutMs, timeoutCode } =
    profile === undefined
      ? limit({ ...context, deadline: performance.now() + shareMs }, connectTimeoutMs)
      : limit({ signal: context.signal }, 120_000);
  if (!url.startsWith('couchbases://') && (tls.ca ?? tls.cert) !== undefined) {
    throw new VivaceError('FAILED_PRECONDITION', 'certificates are of use only with a couchbases:// url', {
      path: 'url',
    });
  }
  let cluster: Cluster;
  try {
    cluster = await sdk.connect(url, {
      ...credentials(settings, directory),
      ...(settings.caFile === undefined
        ? {}
        : { security: { trustStorePath: resolve(directory, settings.caFile) } }),
      ...(profile === undefined ? {} : { configProfile: profile }),
      timeouts: { bootstrapTimeout: timeoutMs },
      // They take more than half of the CPU time of a read; spans and metrics are the part's own.
      tracingConfig: { enableTracing: false },
      metricsConfig: { enableMetrics: false },
    });
  } catch (error) {
    throw await refusal(error, { url, timeoutMs, timeoutCode, tls });
  }
  try {
    await openBucket(cluster, settings.bucket);
  } catch (error) {
    await cluster.close();
    throw error;
  }
  return cluster;
}

function credentials(
  { username = '', password = '', certFile, keyFile }: CouchbaseSettings,
  directory: string,
): { username: string; password: string } | { authenticator: Authenticator } {
  if (certFile === undefined || keyFile === undefined) return { username, password };
  return {
    authenticator: { certificatePath: resolve(directory, certFile), keyPath: resolve(directory, keyFile) },
  };
}

/** `Cluster.bucket` would write a failure to the console, and every read would then run into its time-out. */
async function openBucket({ conn }: Cluster, bucket: string): Promise<void> {
  const error = await new Promise<unknown>((answer) => conn.openBucket(bucket, answer));
  if (error === null) return;
  const code = codeOf(error) ?? 'UNAVAILABLE';
  throw new VivaceError(
    code,
    code === 'FAILED_PRECONDITION'
      ? `there is no bucket ${bucket}, or the user may not see it: create it with couchbase-cli bucket-create, or give the user the roles Data Reader and Data Writer on it`
      : `the bucket ${bucket} does not open: ${messageOf(error)}`,
    { cause: error },
  );
}

async function refusal(
  error: unknown,
  {
    url,
    timeoutMs,
    timeoutCode,
    tls,
  }: { url: string; timeoutMs: number; timeoutCode: ErrorCode; tls: TlsMaterial },
): Promise<VivaceError> {
  if (codeOf(error) === 'UNAUTHENTICATED') {
    return new VivaceError(
      'UNAUTHENTICATED',
      `${url} refuses the user: check username and password, or the client certificate`,
      { cause: error },
    );
  }
  const timedOut = isTimeout(error);
  const found = timedOut ? await diagnose(url, tls) : undefined;
  return new VivaceError(
    timedOut ? timeoutCode : (codeOf(error) ?? 'UNAVAILABLE'),
    `${url} did not answer within ${timeoutMs} ms (${found ?? messageOf(error)}): check the address, that its ports can be reached${
      url.startsWith('couchbases://') ? ', and caFile' : ', and whether it wants couchbases://'
    }`,
    { cause: error },
  );
}

/** What a socket says of the first host: the SDK does not say why it could not connect. */
async function diagnose(url: string, tls: TlsMaterial): Promise<string | undefined> {
  const [, scheme, name = '', port] = /^(couchbases?):\/\/(\[[^\]]+\]|[^,;:/?]+)(?::(\d+))?/.exec(url) ?? [];
  const host = name.replace(/^\[|\]$/g, '');
  const secure = scheme === 'couchbases';
  const target = { host, port: Number(port ?? (secure ? 11207 : 11210)), timeout: diagnosisMs };
  return new Promise((answer) => {
    const socket = secure
      ? connectTls({ ...target, ...tls, servername: isIP(host) === 0 ? host : '' }, () => end(undefined))
      : connectSocket(target, () => end(undefined));
    const end = (found: string | undefined): void => {
      socket.destroy();
      answer(found);
    };
    socket.once('timeout', () => end('no connection'));
    socket.once('error', (error: NodeJS.ErrnoException) => {
      // A name may stand for several hosts by DNS SRV, and then has no address of its own.
      end(error.code === 'ENOTFOUND' ? 'the host is not known' : tlsReason(error));
    });
  });
}
