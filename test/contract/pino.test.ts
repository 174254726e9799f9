import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'vivace/adapters/pino';
import { logSinkContract, makePart } from 'vivace/testing';

for (const pretty of [false, true]) {
  describe(`pino${pretty ? ', pretty' : ''}`, () => {
    let directory: string;
    let file = 0;
    before(() => (directory = mkdtempSync(join(tmpdir(), 'vivace-pino-'))));
    after(() => rmSync(directory, { recursive: true }));

    const path = (): string => join(directory, `${file}.log`);
    logSinkContract({
      runner: { describe, it, beforeEach, afterEach },
      make: () => {
        file++;
        return makePart(pino, { destination: path(), level: 'debug', pretty });
      },
      read: () => readFileSync(path(), 'utf8'),
    });
  });
}
