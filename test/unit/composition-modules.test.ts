import { expect } from 'chai';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  createServer,
  defineVerb,
  FetchFeatures,
  inject,
  injectable,
  keyValueStore,
  loadServer,
  nodeLayer,
  ownStep,
  parseType,
  runLayer,
  stepDefinition,
  type ColumnsIn,
  type ColumnsOut,
  type ContainerModule,
  type NodeLayer,
  type NodeStep,
  type RunLayer,
  type ServerSpecification,
  type StepDefinition,
} from 'vivace';
import { z } from 'zod';
import { module, simple } from '../support/composed.js';
import { table } from '../support/parts.js';
import { thrownBy, withServer } from '../support/scripted.js';

async function mistakesOf(specification: ServerSpecification): Promise<string> {
  return (await thrownBy(createServer(specification))).message;
}

class Rates {
  readonly factor: number = 2;
}
@injectable()
class DearRates extends Rates {
  override readonly factor = 10;
}
@injectable()
class Converts {
  static readonly reads = { value: 'float64' } as const;
  static readonly writes = { value: 'float64' } as const;
  static readonly offline = 'same';
  @inject(Rates) readonly rates!: Rates;
  run(input: ColumnsIn, out: ColumnsOut): void {
    (input.column('value').values as Float64Array).forEach((value, row) =>
      out.column('value').set(row, value * this.rates.factor),
    );
  }
}
@injectable()
class NeedsConverter {
  @inject(Rates) readonly rates!: Rates;
}
@injectable()
class Nested {
  static readonly reads = { value: 'float64' } as const;
  static readonly writes = { value: 'float64' } as const;
  static readonly offline = 'same';
  @inject(NeedsConverter) readonly converter!: NeedsConverter;
  run(): void {
    throw new Error('never made');
  }
}
class Bare {
  static readonly reads = { value: 'float64' } as const;
  static readonly writes = { value: 'float64' } as const;
  static readonly offline = 'same';
  readonly rates: Rates;
  constructor(rates: Rates) {
    this.rates = rates;
  }
  run(): void {
    throw new Error('never made');
  }
}
const converted = (step: typeof Converts | typeof Nested): ServerSpecification => ({
  parts: {},
  pipelines: {
    p: {
      request: { value: 'float64' },
      steps: [{ step, as: 's', inputs: { value: 'request.value' } }],
      response: { outputs: { value: 's.value' } },
    },
  },
});

describe('A module', () => {
  it('that binds no service which a class step needs is a mistake with pipeline, step and `modules`', async () => {
    expect(await mistakesOf(converted(Converts))).to.equal(
      'pipelines.p.steps[0].step: step converts needs Rates injected, but nothing binds it: bind it in a ContainerModule, and list that module in `modules`',
    );
  });

  it('whose service lacks what it needs itself is one too, and nothing is made to find out', async () => {
    let made = 0;
    const modules = [
      module(({ bind }) => {
        bind(NeedsConverter)
          .toSelf()
          .onActivation((_context, service) => (made++, service));
      }),
    ];
    const message = await mistakesOf({ ...converted(Nested), modules });
    expect(message).to.include('pipelines.p.steps[0].step: the class NeedsConverter needs Rates injected');
    expect(message).not.to.include('Trying to resolve');
    expect(made).to.equal(0);
  });

  it('that binds a verb, and not what its class needs, is one too', async () => {
    @injectable()
    class Convert implements NodeStep {
      @inject(Rates) readonly rates!: Rates;
      run(): void {
        throw new Error('never made');
      }
    }
    const convert = defineVerb({
      verb: 'convert',
      schema: z.strictObject({ convert: z.string() }),
      compile: (_spec, compiler) => {
        const writes = compiler.writes('converted', [{ name: 'x', type: parseType('int32') }], 'request');
        return { alias: 'converted', scope: 'request', reads: [], writes };
      },
      offline: () => ({ how: 'same' }),
      summary: () => ({ what: 'money', facts: {}, notes: [], identity: {} }),
      runs: Convert,
    });
    const modules = [module(({ bind }) => void bind(stepDefinition).toConstantValue(convert))];
    const p = { steps: [ownStep({ convert: 'x' })], response: { outputs: { x: 'converted.x' } } };
    expect(await mistakesOf({ parts: {}, pipelines: { p }, modules })).to.equal(
      'pipelines.p.steps[0].convert: the class Convert needs Rates injected, but nothing binds it: bind it in a ContainerModule, and list that module in `modules`',
    );
  });

  it('that binds a port under the name of a part is told of `override`', async () => {
    const modules = [
      module(
        ({ bind }) =>
          void bind(keyValueStore.id)
            .toConstantValue({} as never)
            .whenNamed('hot'),
      ),
    ];
    const parts = { hot: { use: 'memory' } };
    expect(await mistakesOf({ parts, pipelines: {}, modules })).to.match(
      /^parts\.hot: a module also binds a key-value-store named "hot"; .*`override: \{ hot: … \}`/,
    );
  });

  it('that throws, that is none, or whose file is not there or exports none, is a mistake at its place', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'vivace-modules-'));
    try {
      writeFileSync(join(directory, 'empty.js'), 'export const nothing = 1;\n');
      const fails = module(() => {
        throw new Error('as the test asked');
      });
      const modules = [fails, 5 as never, './nowhere.js', './empty.js', 'services'];
      expect((await mistakesOf({ directory, parts: {}, pipelines: {}, modules })).split('\n')).to.deep.equal([
        'modules[1]: 5 is neither a ContainerModule nor a relative .js or .mjs file that exports one',
        `modules[2]: there is no file ./nowhere.js in ${directory}`,
        'modules[3]: "./empty.js" does not export a ContainerModule',
        'modules[4]: "services" is not a relative .js or .mjs file',
        'modules[0]: does not load: as the test asked',
      ]);
    } finally {
      rmSync(directory, { recursive: true });
    }
  });

  it('of a file that is in no list is a mistake with its line', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'vivace-modules-'));
    try {
      writeFileSync(join(directory, 'vivace.yaml'), 'parts: {}\nmodules: { a: 1 }\n');
      const loaded = async (modules: ContainerModule[]): Promise<string> =>
        (await thrownBy(loadServer(join(directory, 'vivace.yaml'), { modules }))).message;
      expect(await loaded([])).to.match(/^vivace\.yaml:2 modules: a block of keys is not a list: /);
      expect(await loaded([module(() => undefined)])).to.match(/^vivace\.yaml:2 modules\[0\]: /);
    } finally {
      rmSync(directory, { recursive: true });
    }
  });

  it('of the caller comes after those before it, and may rebind what they bound', async () => {
    const rates = module(({ bind }) => void bind(Rates).toSelf());
    const dear = module(({ rebind }) => void rebind(Rates).to(DearRates));
    await withServer({ ...converted(Converts), modules: [rates, dear] }, async (server) => {
      const { outputs } = await server.predict('p', { request: { value: 4 } });
      expect(outputs).to.deep.equal({ value: 40 });
    });
  });

  it('may load asynchronously, and where it fails that is a mistake', async () => {
    const rates = module(async ({ bind }) => {
      await Promise.resolve();
      bind(Rates).toSelf();
    });
    await withServer({ ...converted(Converts), modules: [rates] }, async (server) => {
      const { outputs } = await server.predict('p', { request: { value: 4 } });
      expect(outputs).to.deep.equal({ value: 8 });
    });
    const fails = module(async () => {
      throw new Error('as the test asked');
    });
    expect(await mistakesOf({ parts: {}, pipelines: {}, modules: [fails] })).to.equal(
      'modules[0]: does not load: as the test asked',
    );
  });

  it('that is given twice is loaded once', async () => {
    const asked: string[] = [];
    const layer: NodeLayer = {
      name: 'asked',
      order: 500,
      wrap: ({ alias }) => void asked.push(alias),
    };
    const twice = module(({ bind }) => void bind(nodeLayer).toConstantValue(layer));
    await withServer({ ...simple, modules: [twice, twice] }, () => Promise.resolve());
    expect(asked).to.deep.equal(['t', 'double']);
  });

  it('whose layer or verb has nothing to be made with is a mistake, before anything starts', async () => {
    const needs = (id: typeof nodeLayer | typeof runLayer | typeof stepDefinition): ContainerModule =>
      module(({ bind }) => void bind(id as typeof nodeLayer).to(NeedsConverter as never));
    const missing =
      'needs Rates injected, but nothing binds it: bind it in a ContainerModule, and list that module in `modules`';
    for (const layer of [nodeLayer, runLayer]) {
      expect(await mistakesOf({ ...simple, modules: [needs(layer)] })).to.equal(
        `modules: a layer ${missing}`,
      );
    }
    expect(await mistakesOf({ ...simple, modules: [needs(stepDefinition)] })).to.equal(
      `modules: a verb ${missing}`,
    );
  });

  it('whose layer cannot be made says so when the server starts', async () => {
    const start = async (load: ConstructorParameters<typeof ContainerModule>[0]): Promise<object> => {
      const server = await createServer({ ...simple, modules: [module(load)] });
      const { message, path } = await thrownBy(server.start());
      await server.stop();
      return { message, path };
    };
    expect(
      await start(({ bind }) => {
        bind(nodeLayer).toDynamicValue(() => {
          throw new Error('as the test asked');
        });
      }),
    ).to.deep.equal({ message: 'modules: a layer cannot be created: as the test asked', path: 'modules' });
    const late = await start(({ bind }) => void bind(runLayer).toDynamicValue(async () => ({}) as RunLayer));
    expect(late)
      .to.have.property('message')
      .that.matches(/^modules: a layer .* created asynchronously: await it/);
    const layer: NodeLayer = {
      name: 'picky',
      order: 250,
      wrap() {
        throw new Error('as the test asked');
      },
    };
    expect(await start(({ bind }) => void bind(nodeLayer).toConstantValue(layer))).to.deep.equal({
      message: 'modules: the layer "picky" cannot be put around a run or a step: as the test asked',
      path: 'modules',
    });
  });

  it('that lets services need each other, or binds one twice, is told of it; so is a class without decorators', async () => {
    const circle = module(({ bind }) => {
      bind(Rates).to(NeedsConverter as never);
      bind(NeedsConverter).toSelf();
    });
    expect(await mistakesOf({ ...converted(Converts), modules: [circle] })).to.match(
      /step: step converts depends on itself: .*Rates.* -> .*Rates/,
    );
    const twice = module(({ bind }) => {
      bind(Rates).toSelf();
      bind(Rates).to(DearRates);
    });
    expect(await mistakesOf({ ...converted(Converts), modules: [twice] })).to.include(
      'needs Rates injected, but it is bound more than once',
    );
    expect(await mistakesOf(converted(Bare as never))).to.equal(
      'pipelines.p.steps[0].step: step bare needs the decorator @injectable() on Bare, and @inject() on each parameter of its constructor',
    );
  });

  it('that binds a verb twice is a mistake', async () => {
    const again = { verb: 'fetch' } as StepDefinition;
    const modules = [module(({ bind }) => void bind(stepDefinition).toConstantValue(again))];
    expect(await mistakesOf({ parts: {}, pipelines: {}, modules })).to.include(
      'the verb "fetch" is bound twice',
    );
  });

  it('that binds a step class as a singleton is refused: one object runs one node', async () => {
    const modules = [module(({ rebind }) => void rebind(FetchFeatures).to(FetchFeatures).inSingletonScope())];
    const parts = { t: { use: table, rows: { a: [1] } }, u: { use: table, rows: { a: [2] } } };
    const p = {
      request: { id: 'string' },
      steps: [{ fetch: 't' }, { fetch: 'u' }],
      response: { outputs: { x: 't.f0', y: 'u.f0' } },
    } as const;
    const server = await createServer({ parts, pipelines: { p }, modules });
    expect((await thrownBy(server.start())).message).to.match(
      /FetchFeatures is bound as a singleton.*inTransientScope/,
    );
    await server.stop();
  });

  it('knows no verb that nothing binds', async () => {
    const pipelines = { p: { steps: [ownStep({ enrich: 'x' })], response: { outputs: { now: 'time' } } } };
    expect(await mistakesOf({ parts: {}, pipelines })).to.equal(
      'pipelines.p.steps[0]: a step is one of fetch, transform, predict, step, not "enrich"',
    );
  });

  it('says what `record` may be', async () => {
    const p = { record: true, steps: [], response: { outputs: { now: 'time' } } };
    expect(await mistakesOf({ parts: {}, pipelines: { p: p as never } })).to.equal(
      'pipelines.p.record: true must be `false`, or a block such as { metrics: true }',
    );
  });

  it('says where `record` has its place', async () => {
    const pipelines = { p: { steps: [ownStep({ record: {} })], response: { outputs: { now: 'time' } } } };
    expect(await mistakesOf({ parts: {}, pipelines })).to.match(
      /^pipelines\.p\.steps\[0\]\.record: `record` is not a step: write it beside `steps`/,
    );
  });
});
