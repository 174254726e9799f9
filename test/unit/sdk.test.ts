import { expect } from 'chai';
import { VivaceError } from 'vivace';
import { isOlder, refuseOldSdks, sdkProblems } from '../../core/parts/sdk.js';

describe('isOlder', () => {
  const cases: readonly (readonly [string, string, boolean])[] = [
    ['1.5.0-r.1', '1.5.5', true],
    ['1.5.5-r.5', '1.5.5', false],
    ['1.5.6-r.1', '1.5.5', false],
    ['1.5.5', '1.5.5', false],
    ['1.5.10', '1.5.9', false],
    ['1.10.0', '1.9.9', false],
    ['0.99.99', '1.0.0', true],
    ['2.0.0', '1.9.9', false],
    ['1.5.4+build.7', '1.5.5', true],
    ['v1.5.4', '1.5.5', true],
    // What cannot be read is not refused.
    ['next', '1.5.5', false],
    ['1.5.4.3', '1.5.5', false],
  ];
  for (const [version, min, older] of cases) {
    it(`says that ${version} is ${older ? '' : 'not '}older than ${min}`, () => {
      expect(isOlder(version, min)).to.equal(older);
    });
  }
});

describe('sdkProblems', () => {
  it('says nothing of packages that are new enough', () => {
    expect(sdkProblems({ zod: { min: '4.0.0' } })).to.deep.equal([]);
  });

  it('finds the version of a package whose `exports` hide its manifest', () => {
    const [problem] = sdkProblems({ '@opentelemetry/api': { min: '99.0.0' } });
    expect(problem?.installed).to.match(/^1\.\d+\.\d+$/);
  });

  it('tells what is too old, why, and what to install', () => {
    const [old] = sdkProblems({ zod: { min: '99.1.0', because: 'it forgets' } });
    expect(old?.message).to.match(/^zod 4\.\d+\.\d+ is too old: it forgets; 99\.1\.0 or newer is needed$/);
    expect(old?.install).to.equal('zod@99');
  });

  it('installs the compatible versions of one before 1.0, and the tag of a vendor that has pre-releases only', () => {
    const problems = sdkProblems({
      'no-such-a': { min: '0.223.0' },
      'no-such-b': { min: '1.5.5', tag: 'latest' },
    });
    expect(problems.map(({ install }) => install)).to.deep.equal(['no-such-a@0.223', 'no-such-b@latest']);
  });

  it('reports what is missing, but not what may be', () => {
    const problems = sdkProblems({
      'no-such-a': { min: '1.0.0' },
      'no-such-b': { min: '1.0.0', optional: true },
    });
    expect(problems.map(({ message }) => message)).to.deep.equal(['no-such-a is not installed']);
  });
});

describe('refuseOldSdks', () => {
  it('leaves what is missing to who loads it', () => {
    refuseOldSdks({ 'no-such-a': { min: '1.0.0' } });
  });

  it('refuses what is too old, though it may be missing, with the line for npm', () => {
    expect(() => refuseOldSdks({ zod: { min: '99.0.0', optional: true } }))
      .to.throw(VivaceError, /zod 4\.\d+\.\d+ is too old: .*: npm install zod@99$/)
      .with.property('code', 'FAILED_PRECONDITION');
  });
});
