import { expect } from 'chai';
import { errorCodes } from 'vivace';
import { readText } from '../support/repository.js';

/** Rows of the table under "## Errors" of docs/operations.md: code, HTTP, gRPC, retry. */
const section =
  /^## Errors\n([\s\S]*?)(?=^## |\s*$(?![\s\S]))/m.exec(readText('docs/operations.md'))?.[1] ?? '';
const documented = [...section.matchAll(/^\| `([A-Z_]+)` \| ([^|]+) \| ([^|]+) \| ([^|]+) \|/gm)].map(
  ([, code, http, grpc, retry]) => `${code} ${http?.trim()} ${grpc?.trim()} ${retry?.trim()}`,
);

/** https://grpc.io/docs/guides/status-codes/ */
const grpcNames =
  'OK CANCELLED UNKNOWN INVALID_ARGUMENT DEADLINE_EXCEEDED NOT_FOUND ALREADY_EXISTS PERMISSION_DENIED RESOURCE_EXHAUSTED FAILED_PRECONDITION ABORTED OUT_OF_RANGE UNIMPLEMENTED INTERNAL UNAVAILABLE DATA_LOSS UNAUTHENTICATED'.split(
    ' ',
  );

describe('Errors', () => {
  it('are documented in docs/operations.md as the code has them, each and no other', () => {
    const inCode = Object.entries(errorCodes).map(
      ([code, { http, grpc, retry }]) =>
        `${code} ${code === 'INVALID_CONFIG' ? '—' : http} ${grpcNames[grpc]} ${retry ? 'yes' : 'no'}`,
    );
    expect(documented).to.deep.equal(inCode);
  });
});
