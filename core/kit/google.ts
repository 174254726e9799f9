import { resolve } from 'node:path';
import { z } from 'zod';
import { VivaceError } from '../kernel/errors.js';

/** The option of an adapter of Google's that takes credentials: spread it into its schema. */
export const googleFiles = {
  credentialsFile: z
    .string()
    .min(1)
    .optional()
    .describe(
      "JSON file of a service account or of a workload identity, relative to the configuration file; default: Google's own search (`GOOGLE_APPLICATION_CREDENTIALS`, gcloud, the attached service account)",
    ),
} as const;

/** The settings that clients of Google's SDKs are created from, as an adapter's options name them. */
export interface GoogleOptions {
  readonly projectId?: string | undefined;
  readonly endpoint?: string | undefined;
  readonly credentialsFile?: string | undefined;
}

/** The same settings as the SDKs name them. */
export interface GoogleClientOptions {
  readonly projectId?: string;
  readonly apiEndpoint?: string;
  readonly keyFilename?: string;
}

/** @param directory Where a relative `credentialsFile` is. */
export function googleClientOptions(
  { projectId, endpoint, credentialsFile }: GoogleOptions,
  directory: string,
): GoogleClientOptions {
  return {
    ...(projectId === undefined ? {} : { projectId }),
    ...(endpoint === undefined ? {} : { apiEndpoint: endpoint }),
    ...(credentialsFile === undefined ? {} : { keyFilename: resolve(directory, credentialsFile) }),
  };
}

/** The error, which says what to do, for credentials that Google's library does not find or that Google does not accept. */
export function googleCredentialsError(reason: string, cause: unknown): VivaceError {
  return new VivaceError('UNAUTHENTICATED', `no usable Google credentials (${reason}): ${googleWays}`, {
    cause,
  });
}

/** How credentials are given, for a message. */
export const googleWays =
  'give a valid `credentialsFile`, set GOOGLE_APPLICATION_CREDENTIALS, run `gcloud auth application-default login`, or run where a service account is attached; an emulator needs `anonymous: true`';
