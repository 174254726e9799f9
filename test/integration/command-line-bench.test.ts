import { expect } from 'chai';
import { createServer, type BenchReport } from 'vivace';
import { createProject, type Project, type Ran } from '../support/project.js';

const clock = {
  request: { departure: 'timestamp' },
  time: 'request.departure',
  steps: [{ transform: 'calendar' }],
  response: { outputs: { hour: 'calendar.hour' } },
} as const;

describe('vivace bench', () => {
  let project: Project;
  beforeEach(async () => {
    project = await createProject({
      'vivace.yaml': JSON.stringify({ parts: { calendar: { use: 'calendar' } }, pipelines: { clock } }),
      'requests.json': '[{"request": {"departure": "2001-06-15T12:00:00Z"}}]',
      'wrong.json': '{"request": {"departure": 5}}',
    });
  });
  afterEach(() => project.remove());

  const bench = (...argv: string[]): Promise<Ran> => project.vivace(['bench', 'clock', ...argv]);
  const reportOf = ({ stdout }: Ran): BenchReport => JSON.parse(stdout) as BenchReport;

  it('measures a pipeline in process, with requests made from its schema, and says how long', async () => {
    const ran = await bench('--rate', '200', '--seconds', '0.5', '--json');
    expect(ran.code, ran.stderr).to.equal(0);
    expect(ran.stderr).to.equal('clock: 200 requests/s for 0.5 s, in process; Ctrl-C ends it\n');
    const { answered, failed, latencyMs, rate } = reportOf(ran);
    expect([rate, failed]).to.deep.equal([200, 0]);
    expect(answered).to.be.above(0);
    const { min, p50, p99, max } = latencyMs!;
    expect([min, p50, p99, max]).to.deep.equal([min, p50, p99, max].toSorted((a, b) => a - b));
    expect(min).to.be.above(0);
  });

  it('prints a line per percentile for people', async () => {
    const { stdout } = await bench('--rate', '200', '--seconds', '0.2', '--file', 'requests.json');
    expect(stdout).to.match(/^answered +\d+, [\d.]+\/s in [\d.]+ s\nmin +[\d.]+ ms\np50 .*\n(.*\n)*p99\.9 /);
  });

  it('reports a wrong request at once, before it measures', async () => {
    const { code, stdout, stderr } = await bench('--rate', '200', '--file', 'wrong.json');
    expect([code, stdout]).to.deep.equal([1, '']);
    expect(stderr).to.match(/^error INVALID_ARGUMENT request\.departure: /);
  });

  it('ends when it is interrupted, with the figures so far', async () => {
    const controller = new AbortController();
    const ran = await project.vivace(['bench', 'clock', '--rate', '100', '--seconds', '3600', '--json'], {
      signal: controller.signal,
      onStderr: () => void setTimeout(() => controller.abort(), 300),
    });
    expect(ran.code).to.equal(130);
    expect(reportOf(ran).seconds).to.be.below(60);
  });

  it('refuses a rate that is none', async () => {
    const { code, stderr } = await bench('--rate', 'fast');
    expect(code).to.equal(2);
    expect(stderr).to.include('--rate: "fast" is not a number above 0');
  });

  describe('over HTTP', () => {
    it('measures a running server', async () => {
      const server = await createServer({
        parts: {
          calendar: { use: 'calendar' },
          web: { use: 'express', port: 0 },
          api: { use: 'rest', server: 'web' },
        },
        pipelines: { clock },
      });
      await server.start();
      try {
        const url = server.addresses()[0]!;
        const ran = await bench('--rate', '100', '--seconds', '0.3', '--url', url, '--json');
        expect(ran.code, ran.stderr).to.equal(0);
        expect(reportOf(ran).answered).to.be.above(0);
        const wrong = await bench('--rate', '100', '--url', url, '--file', 'wrong.json');
        expect(wrong.code).to.equal(1);
      } finally {
        await server.stop();
      }
    });

    it('fails where nothing answers', async () => {
      const { code, stderr } = await bench(
        '--rate',
        '100',
        '--url',
        'http://127.0.0.1:9',
        '--file',
        'requests.json',
      );
      expect(code).to.equal(3);
      expect(stderr).to.match(
        /^error UNAVAILABLE: http:\/\/127\.0\.0\.1:9\/v1\/pipelines\/clock\/predict does not answer/,
      );
    });
  });
});
