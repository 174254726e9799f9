import { messageOf, VivaceError, type ErrorCode } from 'vivace';
import { retryAfter, systemErrorCode, tlsFailure } from 'vivace/kit';
import type { S3Options } from './s3.js';

/** What the SDK throws, for an answer of the service or without one. */
interface SdkError {
  readonly name: string;
  readonly $metadata?: { readonly httpStatusCode?: number; readonly attempts?: number };
  readonly $response?: { readonly headers?: Readonly<Record<string, string>> };
}

const permissions =
  's3:ListBucket on the bucket, and s3:GetObject, s3:PutObject, s3:DeleteObject and s3:AbortMultipartUpload on its objects';
const ways =
  'give "accessKeyId" and "secretAccessKey", set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY or AWS_PROFILE, or run where a role is attached';

/** Codes of the service, and of the SDK where it gets no answer. */
const known: readonly (readonly [RegExp, ErrorCode, string])[] = [
  [/^(CredentialsProviderError|TokenProviderError)$/, 'UNAUTHENTICATED', `no credentials are found: ${ways}`],
  [/^RequestTimeTooSkewed$/, 'UNAUTHENTICATED', 'the clock of this machine is wrong: set it by NTP'],
  [
    // The last three are those of STS, which gives the credentials of a role.
    /^(InvalidAccessKeyId|SignatureDoesNotMatch|ExpiredToken|InvalidToken|TokenRefreshRequired|NotSignedUp|ExpiredTokenException|InvalidIdentityTokenException|IDPRejectedClaimException)$/,
    'UNAUTHENTICATED',
    `the credentials are not accepted: ${ways}`,
  ],
  [/^(AccessDenied|AllAccessDisabled|AccountProblem)$/, 'PERMISSION_DENIED', `allow ${permissions}`],
  [
    /^IDPCommunicationErrorException$/,
    'UNAVAILABLE',
    'STS cannot reach the identity provider that signed the token: this may pass',
  ],
  [/^NoSuchBucket$/, 'FAILED_PRECONDITION', 'create the bucket or correct "bucket"'],
  [
    /^(PermanentRedirect|AuthorizationHeaderMalformed|IllegalLocationConstraintException)$/,
    'FAILED_PRECONDITION',
    'the bucket is in another region: correct "region"',
  ],
  [
    /^(BadDigest|InvalidDigest|XAmzContent(SHA256|Checksum)Mismatch)$/,
    'DATA_LOSS',
    'the bytes were altered on the way',
  ],
  [
    /^(SlowDown|Throttling|ThrottlingException|RequestLimitExceeded|TooManyRequests|TooManyRequestsException)$/,
    'RESOURCE_EXHAUSTED',
    'too many requests: write less often, or spread the keys over more prefixes',
  ],
  [
    /^(QuotaExceeded|InsufficientStorage|XMinioStorageFull|XMinioAdminBucketQuotaExceeded)$/,
    'RESOURCE_EXHAUSTED',
    'the store is full',
  ],
  [/^InvalidBucketName$/, 'FAILED_PRECONDITION', 'correct "bucket"'],
];

const byStatus: Readonly<Record<number, readonly [ErrorCode, string]>> = {
  401: ['UNAUTHENTICATED', ways],
  // A HEAD is answered without a body, so it does not say which.
  403: ['PERMISSION_DENIED', `the credentials are wrong, or lack ${permissions}`],
  404: ['NOT_FOUND', ''],
  416: ['INVALID_ARGUMENT', ''],
  429: ['RESOURCE_EXHAUSTED', 'too many requests'],
  507: ['RESOURCE_EXHAUSTED', 'the store is full'],
};

/**
 * The error that a failed call stands for, saying what to do.
 *
 * @see https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html
 */
export function toFailure(error: unknown, { bucket, endpoint, region }: S3Options): VivaceError {
  const { name, $metadata, $response } = error as SdkError;
  const status = $metadata?.httpStatusCode;
  const where = endpoint ?? `S3${region === undefined ? '' : ` in ${region}`}`;
  const make = (failure: ErrorCode, text: string): VivaceError =>
    new VivaceError(failure, text, { cause: error, ...retryAfter($response?.headers) });
  const said = `bucket ${bucket}: ${name}${status === undefined ? '' : ` (HTTP ${status})`}: ${messageOf(error).replace(/\.$/, '')}`;
  const found = known.find(([pattern]) => pattern.test(name));
  if (found !== undefined) return make(found[1], `${said}: ${found[2]}`);
  if (messageOf(error).startsWith('Checksum mismatch')) return make('DATA_LOSS', said);
  if (messageOf(error).includes('Region is missing')) {
    return make('FAILED_PRECONDITION', 'no region is set: give "region" or set AWS_REGION');
  }
  const tls = tlsFailure(error, where);
  if (tls !== undefined) return tls;
  if (status === undefined || status < 300) {
    const system = systemErrorCode(error);
    const broken =
      system === 'UNAVAILABLE' ||
      /Timeout|socket hang up|aborted|premature/i.test(`${name} ${messageOf(error)}`);
    if (broken) {
      return make(
        'UNAVAILABLE',
        `${where} does not answer (${messageOf(error) || name}): check the network and "endpoint"`,
      );
    }
    return make(system ?? 'INTERNAL', said);
  }
  if (/no space left/i.test(messageOf(error)))
    return make('RESOURCE_EXHAUSTED', `${said}: the store is full`);
  const [failure, hint] = byStatus[status] ?? [status >= 500 ? 'UNAVAILABLE' : 'INTERNAL', ''];
  return make(failure, hint === '' ? said : `${said}: ${hint}`);
}

/** The HTTP status and the service's code of what `toFailure` made, and whether the request had been sent more than once. */
export function answered(error: unknown): {
  readonly status: number | undefined;
  readonly name: string | undefined;
  readonly repeated: boolean;
} {
  const cause = (error as { cause?: Partial<SdkError> }).cause;
  return {
    status: cause?.$metadata?.httpStatusCode,
    name: cause?.name,
    repeated: (cause?.$metadata?.attempts ?? 1) > 1,
  };
}
