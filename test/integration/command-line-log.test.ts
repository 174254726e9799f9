import { expect } from 'chai';
import { existsSync, mkdirSync, readdirSync, renameSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { loadServer, servedLog } from 'vivace';
import { callContext } from 'vivace/testing';
import { givenProject } from '../support/command-line.js';

const logged = `
parts:
  calendar: { use: calendar }
  lake:   { use: duckdb }
  bucket: { use: filesystem, path: ./log }
  log:    { use: served-log, encode: lake, blobs: bucket }
pipelines:
  clock:
    request: { departure: timestamp }
    time: request.departure
    record: { served: { in: log } }
    steps: [{ transform: calendar }]
    response: { outputs: { hour: calendar.hour } }
  silent:
    request: { departure: timestamp }
    time: request.departure
    steps: [{ transform: calendar }]
    response: { outputs: { hour: calendar.hour } }
`;

describe('vivace log pull', function () {
  this.timeout(120_000);
  const { project, given } = givenProject();
  beforeEach(async () => {
    await given({ 'vivace.yaml': logged });
    const server = await loadServer(join(project.directory, 'vivace.yaml'));
    await server.start();
    for (let i = 0; i < 2; i++) {
      await server.predict('clock', { request: { departure: '2026-03-04T10:00:00Z' } });
      await server.part(servedLog, 'log').flush(callContext());
    }
    await server.stop();
  });

  it('copies files by day, and those that are there not again', async () => {
    const first = await project.vivace(['log', 'pull', 'clock', '--to', 'copy']);
    expect(first.code, first.stderr).to.equal(0);
    expect(first.stdout).to.match(/^2 files, .*, of which 2 are new in copy\n$/);
    const [day, ...more] = readdirSync(join(project.directory, 'copy'));
    expect(more).to.deep.equal([]);
    expect(day).to.match(/^dt=/);
    const files = readdirSync(join(project.directory, 'copy', day!));
    expect(files).to.have.lengthOf(2);
    for (const file of files)
      expect(statSync(join(project.directory, 'copy', day!, file)).size).to.equal(
        statSync(join(project.directory, 'log/served/clock', day!, file)).size,
      );
    const again = await project.vivace([
      'log',
      'pull',
      'clock',
      '--to',
      'copy',
      '--json',
      '--days',
      day!.slice(3),
    ]);
    expect(JSON.parse(again.stdout)).to.have.lengthOf(2);
    const { stdout } = await project.vivace(['log', 'pull', 'clock', '--to', 'copy']);
    expect(stdout).to.match(/of which 0 are new/);
  });

  it('removes what a deletion has replaced, of the days that it copies, and nothing else', async () => {
    const pull = ['log', 'pull', 'clock', '--to', 'copy'];
    await project.vivace(pull);
    const copy = join(project.directory, 'copy');
    const [day] = readdirSync(copy);
    const log = join(project.directory, 'log/served/clock', day!);
    const [first] = readdirSync(log);
    renameSync(join(log, first!), join(log, first!.replace('.parquet', '.r1.parquet')));
    for (const name of [join(day!, 'notes.txt'), 'of-mine.parquet']) writeFileSync(join(copy, name), 'mine');
    mkdirSync(join(copy, 'dt=1999-01-01'));
    writeFileSync(join(copy, 'dt=1999-01-01/old.parquet'), 'of another day');
    const { stdout } = await project.vivace([...pull, '--days', day!.slice(3)]);
    expect(stdout).to.match(/of which 1 are new in copy; 1 that the log has no longer were removed/);
    expect(readdirSync(join(copy, day!)).sort()).to.deep.equal([...readdirSync(log), 'notes.txt'].sort());
    expect(readdirSync(join(copy, 'dt=1999-01-01'))).to.deep.equal(['old.parquet']);
    expect(readdirSync(copy)).to.include('of-mine.parquet');
  });

  it('takes the days that are asked for, and says what is not a day', async () => {
    const none = await project.vivace([
      'log',
      'pull',
      'clock',
      '--to',
      'none',
      '--days',
      '1999-01-01..1999-12-31',
    ]);
    expect([none.code, none.stdout]).to.deep.equal([0, '0 files, 0 B, of which 0 are new in none\n']);
    expect(existsSync(join(project.directory, 'none'))).to.equal(false);
    for (const days of ['yesterday', '2026-01-02..2026-01-01', '2026-13-01', '1..2..3']) {
      const { code, stderr } = await project.vivace(['log', 'pull', 'clock', '--to', 'none', '--days', days]);
      expect([code, stderr.includes(`"${days}" is not a day`)], stderr).to.deep.equal([2, true]);
    }
  });

  it('says which pipeline is not logged', async () => {
    const { code, stderr } = await project.vivace(['log', 'pull', 'silent', '--to', 'copy']);
    expect(code).to.equal(3);
    expect(stderr).to.include('"silent" is not logged');
  });
});
