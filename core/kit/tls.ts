import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { z } from 'zod';
import { messageOf, VivaceError } from '../kernel/errors.js';

/** The options of an adapter that takes certificates of its own: spread them into its schema. */
export const tlsFiles = {
  caFile: z
    .string()
    .min(1)
    .optional()
    .describe(
      "PEM file of the certificate authorities to trust for the server's certificate; default: those of Node",
    ),
  certFile: z
    .string()
    .min(1)
    .optional()
    .describe("PEM file of the client's certificate, where the server asks for one; needs `keyFile`"),
  keyFile: z.string().min(1).optional().describe("PEM file of the private key of the client's certificate"),
} as const;

/** The files of `tlsFiles` as an adapter gets them. */
export interface TlsFiles {
  readonly caFile?: string | undefined;
  readonly certFile?: string | undefined;
  readonly keyFile?: string | undefined;
}

/** What `node:tls` takes. */
export interface TlsMaterial {
  readonly ca?: string;
  readonly cert?: string;
  readonly key?: string;
}

/**
 * Reads certificates and keys.
 *
 * @param directory Where relative files are.
 * @throws {VivaceError} `FAILED_PRECONDITION` with the option, where a file cannot be read or a certificate comes without its key.
 */
export async function readTls(
  { caFile, certFile, keyFile }: TlsFiles,
  directory: string,
): Promise<TlsMaterial> {
  if ((certFile === undefined) !== (keyFile === undefined)) {
    const [given, absent] = certFile === undefined ? ['keyFile', 'certFile'] : ['certFile', 'keyFile'];
    throw new VivaceError('FAILED_PRECONDITION', `${given} works only together with ${absent}`, {
      path: given,
    });
  }
  const read = async (option: keyof TlsFiles, file: string): Promise<string> => {
    try {
      return await readFile(resolve(directory, file), 'utf8');
    } catch (cause) {
      throw new VivaceError('FAILED_PRECONDITION', `${option} cannot be read: ${messageOf(cause)}`, {
        path: option,
        cause,
      });
    }
  };
  return {
    ...(caFile === undefined ? {} : { ca: await read('caFile', caFile) }),
    ...(certFile === undefined ? {} : { cert: await read('certFile', certFile) }),
    ...(keyFile === undefined ? {} : { key: await read('keyFile', keyFile) }),
  };
}

/**
 * The message of an error, on one line. For an error of OpenSSL, it is the reason alone, without the files and lines of OpenSSL's source;
 * such as `wrong version number` where the other side does not speak TLS.
 */
export function tlsReason(error: unknown): string {
  const text = messageOf(error);
  return /:SSL routines:[^:]*:([^:]+):/.exec(text)?.[1] ?? text;
}

/** OpenSSL's and Node's codes for certificates that are not accepted, and for a peer that does not speak TLS. */
const tlsCode = /CERT|SELF_SIGNED|UNABLE_TO_|ERR_TLS|ERR_SSL|EPROTO/;

/**
 * The failure for a TLS error, which says what to do; `undefined` for any other error.
 *
 * @param where The address, as its user knows it.
 * @param option The option that holds the address.
 */
export function tlsFailure(error: unknown, where: string, option = 'endpoint'): VivaceError | undefined {
  const { code } = error as { readonly code?: unknown };
  if (typeof code !== 'string' || !tlsCode.test(code)) return undefined;
  return new VivaceError(
    'UNAVAILABLE',
    `no TLS connection to ${where} (${tlsReason(error)}): check \`${option}\` and \`caFile\``,
    { cause: error },
  );
}
