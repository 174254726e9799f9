import { configuration, refuses, withPart } from '../support/wrong-configuration.js';

describe('A wrong part', () => {
  refuses([
    [
      'port text',
      withPart('web: { use: express, port: "eighty" }'),
      ['5 parts.web.port: "eighty" is not a whole number'],
    ],
    [
      'port quoted',
      withPart('web: { use: express, port: "8080" }'),
      ['5 parts.web.port: "8080" is not a whole number but a text: write it without quotes'],
    ],
    [
      'port big',
      withPart('web: { use: express, port: 80800 }'),
      ['5 parts.web.port: 80800 is too large: it must be at most 65535'],
    ],
    [
      'port float',
      withPart('web: { use: express, port: 80.5 }'),
      ['5 parts.web.port: 80.5 is not a whole number'],
    ],
    [
      'port null',
      withPart('web: { use: express, port: }'),
      ['5 parts.web.port: has no value: write a whole number, or leave the key out'],
    ],
    [
      'port list',
      withPart('web: { use: express, port: [80] }'),
      ['5 parts.web.port: a list is not a whole number'],
    ],
    [
      'host number',
      withPart('web: { use: express, host: 127 }'),
      ['5 parts.web.host: 127 is not a text: write it in quotes'],
    ],
    [
      'bool yes',
      withPart('lake: { use: lmdb, path: x, readOnly: yes }'),
      ['5 parts.lake.readOnly: "yes" is not true or false: write true, without quotes'],
    ],
    [
      'use missing',
      withPart('web: { port: 80 }'),
      ['5 parts.web.use: is missing: a name, or what defineAdapter or definePlugin returned'],
    ],
    [
      'use number',
      withPart('web: { use: 5 }'),
      ['5 parts.web.use: 5 is not a name, or what defineAdapter or definePlugin returned'],
    ],
    [
      'use null',
      withPart('web: { use: }'),
      ['5 parts.web.use: has no value: a name, or what defineAdapter or definePlugin returned'],
    ],
    [
      'use empty',
      withPart('web: { use: "" }'),
      [
        '5 parts.web.use: "" is not a valid name: write a relative .js or .mjs file, or a name such as redis or @acme/redis',
      ],
    ],
    ['part text', withPart('web: express'), ['5 parts.web: "express" is not a block of keys']],
    [
      'part null',
      withPart('web:'),
      ['5 parts.web: has no value: write a block of keys, or leave the key out'],
    ],
    ['part list', withPart('web: [express]'), ['5 parts.web: a list is not a block of keys']],
    [
      'slot missing',
      withPart('o2: { use: online-store }'),
      ['5 parts.o2.store: is missing: the name of a key-value-store part; there are hot'],
    ],
    [
      'slot wrong',
      withPart('o2: { use: online-store, store: cal }'),
      ['5 parts.o2.store: wants a key-value-store, but "cal" (calendar) provides transform; there are hot'],
    ],
    [
      'slot unknown',
      withPart('o2: { use: online-store, store: hto }'),
      ['5 parts.o2.store: there is no part "hto"; did you mean "hot"?'],
    ],
    [
      'slot inline',
      withPart('o2: { use: online-store, store: { use: memory } }'),
      [
        '5 parts.o2.store: a block of keys is not the name of a key-value-store part: declare the part under `parts`, and write its name here',
      ],
    ],
    [
      'slot misspelt',
      withPart('o2: { use: online-store, stroe: hot }'),
      ['5 parts.o2.stroe: unknown key "stroe"; did you mean "store"?'],
    ],
    [
      'slot self',
      withPart('o2: { use: online-store, store: o2 }'),
      [
        '5 parts.o2.store: wants a key-value-store, but "o2" (online-store) provides online-store; there are hot',
      ],
    ],
    [
      'part name',
      withPart('"my part": { use: memory }'),
      [
        '5 parts.my part: "my part" cannot be the name of a part: a name has 1 to 63 letters, digits, _ and -, starting with a letter',
      ],
    ],
    [
      'part name num',
      withPart('1st: { use: memory }'),
      [
        '5 parts.1st: "1st" cannot be the name of a part: a name has 1 to 63 letters, digits, _ and -, starting with a letter',
      ],
    ],
    [
      'proto part',
      withPart('__proto__: { use: memory }'),
      ['5 parts.__proto__: "__proto__" cannot be a name: choose another'],
    ],
    [
      'modules text',
      configuration({ more: 'modules: ./x.mjs' }),
      [
        '19 modules: "./x.mjs" is not a list: write relative .js or .mjs files that export a ContainerModule, or in code ContainerModules',
      ],
    ],
    [
      'modules missing',
      configuration({ more: 'modules: [./x.mjs, x.ts, 5]' }),
      [
        '19 modules[0]: there is no file ./x.mjs in DIR',
        '19 modules[1]: "x.ts" is not a relative .js or .mjs file',
        '19 modules[2]: 5 is neither a ContainerModule nor a relative .js or .mjs file that exports one',
      ],
    ],
    [
      'circle',
      withPart('a: { use: online-store, store: a }'),
      [
        '5 parts.a.store: wants a key-value-store, but "a" (online-store) provides online-store; there are hot',
      ],
    ],
    [
      'ts file',
      withPart('a: { use: ./x.ts }'),
      ['5 parts.a.use: "./x.ts" is not a .js or .mjs file: compile TypeScript first'],
    ],
    ['no file', withPart('a: { use: ./x.mjs }'), ['5 parts.a.use: there is no file ./x.mjs in DIR']],
    [
      'use case',
      withPart('a: { use: Redis }'),
      [
        '5 parts.a.use: "Redis" is not a valid name: write a relative .js or .mjs file, or a name such as redis or @acme/redis; did you mean "redis"?',
      ],
    ],
    [
      'true text',
      withPart('lake: { use: lmdb, path: x, readOnly: "true" }'),
      ['5 parts.lake.readOnly: "true" is not true or false: write true, without quotes'],
    ],
  ]);
});

describe('A wrong view', () => {
  refuses([
    [
      'proto feature',
      configuration({
        views:
          'price:\n  store: online\n  entity: { item: string }\n  features: { __proto__: { type: float64 }, euro: { type: float64 } }',
      }),
      ['10 views.price.features.__proto__: "__proto__" cannot be a name: choose another'],
    ],
    [
      'view type',
      configuration({
        views: 'price:\n  store: online\n  entity: { item: strin }\n  features: { euro: { type: flot64 } }',
      }),
      [
        '9 views.price.entity.item: "strin" is not a type: a key is a string, int32, int64, bool or timestamp',
        '10 views.price.features.euro.type: "flot64" is not a type: use float32, float64, int32, int64, bool, string, timestamp, bytes, float32[64], list<int64>',
      ],
    ],
    [
      'view feature text',
      configuration({
        views: 'price:\n  store: online\n  entity: { item: string }\n  features: { euro: float64 }',
      }),
      ['10 views.price.features.euro: "float64" must be a block such as { type: float32 }'],
    ],
    [
      'view features list',
      configuration({ views: 'price:\n  store: online\n  entity: [item]\n  features: [euro]' }),
      [
        '9 views.price.entity: a list is not a block of keys',
        '10 views.price.features: a list is not a block of keys',
      ],
    ],
    [
      'view no features',
      configuration({ views: 'price:\n  store: online\n  entity: { item: string }\n  features: {}' }),
      ['10 views.price.features: name at least one feature'],
    ],
    [
      'view store',
      configuration({
        views: 'price:\n  store: hot\n  entity: { item: string }\n  features: { euro: { type: float64 } }',
      }),
      ['8 views.price.store: there is no online-store part "hot"; there are online'],
    ],
    [
      'view agg',
      configuration({
        views:
          'price:\n  store: online\n  entity: { item: string }\n  source: { table: x }\n  features: { euro: { aggregate: average, of: x, windowDays: 7 } }',
      }),
      [
        '11 views.price.features.euro.aggregate: "average" is not one of count, sum, mean, stddev, share, min, max, first, last, count_distinct',
      ],
    ],
    [
      'view agg no of',
      configuration({
        views:
          'price:\n  store: online\n  entity: { item: string }\n  source: { table: x, eventTime: t }\n  features: { euro: { aggregate: sum, windowDays: 7 } }',
      }),
      ['11 views.price.features.euro.of: `sum` needs `of`'],
    ],
    [
      'view agg days',
      configuration({
        views:
          'price:\n  store: online\n  entity: { item: string }\n  source: { table: x, eventTime: t }\n  features: { euro: { aggregate: sum, of: x, windowDays: 7d } }',
      }),
      [
        '11 views.price.features.euro.windowDays: "7d" is not a number or a list: write digits alone, without a unit or separators',
      ],
    ],
    [
      'view both sources',
      configuration({
        views:
          'price:\n  store: online\n  entity: { item: string }\n  source: { table: x, query: y }\n  features: { euro: { type: float64 } }',
      }),
      ['10 views.price.source: give either `table` or `query`'],
    ],
    [
      'view default',
      configuration({
        views:
          'price:\n  store: online\n  entity: { item: string }\n  features: { euro: { type: float64, default: none } }',
      }),
      ['10 views.price.features.euro.default: "none" is not a float64'],
    ],
    [
      'view default list',
      configuration({
        views:
          'price:\n  store: online\n  entity: { item: string }\n  features: { euro: { type: float64, default: [1] } }',
      }),
      ['10 views.price.features.euro.default: a list is not a number, a text or true or false'],
    ],
    [
      'view max age',
      configuration({
        views:
          'price:\n  store: online\n  maxAgeMs: 1d\n  entity: { item: string }\n  features: { euro: { type: float64 } }',
      }),
      [
        '9 views.price.maxAgeMs: "1d" is not a whole number: write digits alone, without a unit or separators',
      ],
    ],
    [
      'entity float',
      configuration({
        views:
          'price:\n  store: online\n  entity: { item: float64 }\n  features: { euro: { type: float64 } }',
      }),
      ['9 views.price.entity.item: a key is a string, int32, int64, bool or timestamp, not a float64'],
    ],
    [
      'view unit words',
      configuration({
        views:
          'price:\n  store: online\n  maxAge: 3600\n  entity: { item: string }\n  features: { euro: { type: float64 } }',
      }),
      ['9 views.price.maxAge: unknown key "maxAge"; did you mean "maxAgeMs"?'],
    ],
  ]);
});
