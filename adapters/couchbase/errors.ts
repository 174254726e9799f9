import { messageOf, VivaceError, type ErrorCode } from 'vivace';
import { systemErrorCode } from 'vivace/kit';

/** By the names of the SDK's error classes; see https://docs.couchbase.com/nodejs-sdk/current/ref/error-codes.html. */
const byName: Readonly<Record<string, ErrorCode>> = {
  UnambiguousTimeoutError: 'UNAVAILABLE',
  AmbiguousTimeoutError: 'UNAVAILABLE',
  RequestCanceledError: 'UNAVAILABLE',
  TemporaryFailureError: 'UNAVAILABLE',
  ServiceNotAvailableError: 'UNAVAILABLE',
  InternalServerFailureError: 'UNAVAILABLE',
  DocumentLockedError: 'UNAVAILABLE',
  DurabilityImpossibleError: 'UNAVAILABLE',
  DurabilityAmbiguousError: 'UNAVAILABLE',
  DurableWriteInProgressError: 'UNAVAILABLE',
  DurableWriteReCommitInProgressError: 'UNAVAILABLE',
  RateLimitedError: 'RESOURCE_EXHAUSTED',
  QuotaLimitedError: 'RESOURCE_EXHAUSTED',
  AuthenticationFailureError: 'UNAUTHENTICATED',
  BucketNotFoundError: 'FAILED_PRECONDITION',
  ScopeNotFoundError: 'FAILED_PRECONDITION',
  CollectionNotFoundError: 'FAILED_PRECONDITION',
  UnsupportedOperationError: 'FAILED_PRECONDITION',
  FeatureNotAvailableError: 'FAILED_PRECONDITION',
  DurabilityLevelNotAvailableError: 'FAILED_PRECONDITION',
  ValueTooLargeError: 'INVALID_ARGUMENT',
  InvalidArgumentError: 'INVALID_ARGUMENT',
};

/** Errors of the SDK's core that have no class: the cluster was closed, the bucket was not found. */
const byNumber: Readonly<Record<number, ErrorCode>> = { 10: 'FAILED_PRECONDITION', 1006: 'UNAVAILABLE' };

/** Of the memcached protocol; the SDK has one class for several of them. */
const status = { noAccess: 0x24, noMemory: 0x82 };

/** What the SDK's errors of key-value operations have. */
interface SdkError {
  readonly name?: string;
  readonly code?: unknown;
  readonly context?: {
    readonly status_code?: number;
    readonly last_dispatched_to?: string;
    readonly retry_reasons?: readonly string[];
  };
}

/** Where an operation ran, and what limited its time. */
export interface Where {
  /** `bucket.scope.collection`. */
  readonly keyspace: string;
  /** The code of a time-out: DEADLINE_EXCEEDED where it was the caller's deadline. */
  readonly timeoutCode: ErrorCode;
}

/** True for an error of the SDK's class of that name. */
export function isNamed(error: unknown, name: string): boolean {
  return (error as SdkError | null | undefined)?.name === name;
}

/** Classifies an error of the SDK. */
export function codeOf(error: unknown): ErrorCode | undefined {
  const { name = '', code, context } = error as SdkError;
  if (context?.status_code === status.noAccess) return 'PERMISSION_DENIED';
  if (context?.status_code === status.noMemory) return 'RESOURCE_EXHAUSTED';
  if (isOutdated(error)) return 'FAILED_PRECONDITION';
  return byName[name] ?? (typeof code === 'number' ? byNumber[code] : systemErrorCode(error));
}

/** The failure of one key, with what to do about it. */
export function failureOf(error: unknown, { keyspace, timeoutCode }: Where): VivaceError {
  const code = codeOf(error) ?? 'INTERNAL';
  const timedOut = isTimeout(error) && code === 'UNAVAILABLE';
  const message = [messageOf(error), details(error), advice(error, code, keyspace)]
    .filter((part) => part !== '')
    .join('; ');
  return new VivaceError(timedOut ? timeoutCode : code, message, { cause: error });
}

export function isTimeout(error: unknown): boolean {
  return isNamed(error, 'UnambiguousTimeoutError') || isNamed(error, 'AmbiguousTimeoutError');
}

/** The SDK asks for an unknown collection's id until time is up. */
function isOutdated(error: unknown): boolean {
  return (error as SdkError).context?.retry_reasons?.includes('key_value_collection_outdated') === true;
}

function details(error: unknown): string {
  const { last_dispatched_to: server = '', retry_reasons: reasons = [] } = (error as SdkError).context ?? {};
  return [
    server === '' ? '' : `last sent to ${server}`,
    reasons.length === 0 ? '' : `tried again because of ${reasons.join(', ')}`,
  ]
    .filter((part) => part !== '')
    .join(', ');
}

function advice(error: unknown, code: ErrorCode, keyspace: string): string {
  if (code === 'UNAUTHENTICATED') return 'check username and password, or the client certificate';
  if (code === 'PERMISSION_DENIED')
    return `give the user the roles Data Reader and Data Writer on ${keyspace}`;
  if (
    isOutdated(error) ||
    isNamed(error, 'ScopeNotFoundError') ||
    isNamed(error, 'CollectionNotFoundError')
  ) {
    return `there is no ${keyspace}: create it with couchbase-cli collection-manage, or change scope and collection`;
  }
  if (isNamed(error, 'UnsupportedOperationError') || isNamed(error, 'FeatureNotAvailableError')) {
    return `the server of ${keyspace} does not know named collections or durable writes: both need Couchbase Server 7`;
  }
  if (isNamed(error, 'DurabilityLevelNotAvailableError')) {
    return `the bucket of ${keyspace} does not allow this durability: change the option, or the bucket's type`;
  }
  if (isNamed(error, 'DurabilityImpossibleError')) {
    return `too few servers with replicas of ${keyspace} are up for this durability`;
  }
  if (isNamed(error, 'DurabilityAmbiguousError')) {
    return 'it may have been written or not: writing it again is safe';
  }
  return '';
}
