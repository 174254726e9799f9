import { expect } from 'chai';
import { execFile } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { loadServer, type ServerOf } from 'vivace';
import { parse, stringify } from 'yaml';
import { describeNeeding, pathOf, program } from '../servers/programs.js';
import { compilePage, importBlock, removeFolder, writeFiles } from '../support/guide.js';
import { filesOf, readText } from '../support/repository.js';

const page = 'docs/features.md';
const python = program('python3');
const block = (name: string): string => filesOf(page).get(name)!;

/** The configuration of the page, on any free port and with rows in memory. */
function configuration(): string {
  const spec = parse(block('vivace.yaml')) as { parts: Record<string, Record<string, unknown>> };
  spec.parts['hot'] = { use: 'memory' };
  spec.parts['web'] = { ...spec.parts['web'], port: 0 };
  return stringify(spec);
}

describe('docs/features.md', () => {
  let folder: string;
  let server: ServerOf;
  before(async () => {
    folder = writeFiles(page);
    writeFileSync(join(folder, 'vivace.yaml'), configuration());
    server = await loadServer(join(folder, 'vivace.yaml'));
    await server.start();
  });
  after(async () => {
    await server.stop();
    removeFolder(folder);
  });

  const post = async (path: string, body: string): Promise<Record<string, unknown>> => {
    const answer = await fetch(`${server.addresses()[0]}${path}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body,
    });
    return (await answer.json()) as Record<string, unknown>;
  };

  it('pushes in code as it says', async () => {
    const compiled = compilePage(page);
    writeFileSync(join(compiled, 'vivace.yaml'), configuration());
    const { pushed, answer } = await importBlock(page, 'prices.ts');
    expect(pushed).to.deep.equal({ accepted: 2, written: 2, errors: [] });
    expect(answer).to.have.nested.property('outputs.amount', 4.5);
  });

  it('pushes over HTTP, and reads what it says', async () => {
    const rows = block('push.json');
    expect(await post('/v1/features/price/push', rows)).to.deep.equal({
      accepted: 2,
      written: 2,
      errors: [],
    });
    const { requestId, ...answer } = await post('/v1/features/read', block('read.json'));
    expect(requestId).to.be.a('string');
    expect(answer).to.deep.equal(JSON.parse(block('read-answer.json')));
  });

  it('reads the tensors that it shows', async () => {
    await post('/v1/features/price/push', block('push.json'));
    const answer = await fetch(`${server.addresses()[0]}/v1/features/read`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: block('read-tensors.json'),
    });
    const bytes = Buffer.from(await answer.arrayBuffer());
    const length = Number(answer.headers.get('inference-header-content-length'));
    expect([bytes.readDoubleLE(length), bytes.readDoubleLE(length + 8)]).to.deep.equal([4.5, 12]);
  });

  it('takes the columns that it shows', async () => {
    const [, columns] = /`(\{"rows": \{[^`]*)`/.exec(readText(page))!;
    expect(await post('/v1/features/price/push', columns!)).to.deep.equal({
      accepted: 2,
      written: 0,
      errors: [],
    });
  });

  it('says what is wrong as it shows', async () => {
    const [, shown] = /such as `(\{"row": 3[^`]*\})`/.exec(readText(page))!;
    const { rows } = JSON.parse(block('push.json')) as { rows: object[] };
    const body = { rows: [...rows, rows[0], { ...rows[0], amount: 'much' }] };
    const { errors } = await post('/v1/features/price/push', JSON.stringify(body));
    expect(errors).to.deep.equal([JSON.parse(shown!)]);
  });

  describeNeeding([python], 'from Python', () => {
    it('pushes, and prints what is wrong', async () => {
      const script = join(folder, 'push.py');
      const { stdout } = await promisify(execFile)(pathOf(python), [script, server.addresses()[0]!]);
      expect(stdout).to.equal('rows[1].amount: "much" is not a float64\n1 written\n');
    });
  });
});
