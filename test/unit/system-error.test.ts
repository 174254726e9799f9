import { expect } from 'chai';
import { constants } from 'node:os';
import { systemErrorCode } from 'vivace/kit';

describe('systemErrorCode', () => {
  it('knows errors of the system by name and by number', () => {
    expect(systemErrorCode(Object.assign(new Error('full'), { code: 'ENOSPC' }))).to.equal(
      'RESOURCE_EXHAUSTED',
    );
    expect(systemErrorCode({ code: constants.errno.ENOENT })).to.equal('FAILED_PRECONDITION');
    expect(systemErrorCode(new Error('else'))).to.equal(undefined);
  });

  it('leaves the reasons of signals alone, whose numbers are of another list', () => {
    for (const name of ['AbortError', 'TimeoutError'])
      expect(systemErrorCode(new DOMException('ended', name)), name).to.equal(undefined);
  });
});
