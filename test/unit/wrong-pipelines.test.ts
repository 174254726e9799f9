import { configuration, refuses, withSteps } from '../support/wrong-configuration.js';

describe('A wrong pipeline', () => {
  refuses(
    [
      [
        'verb misspelt',
        withSteps('- fetsch: price'),
        [
          '16 pipelines.p.steps[0]: a step is one of fetch, transform, predict, step, not "fetsch"; did you mean "fetch"?',
        ],
      ],
      [
        'verb misspelt then use',
        configuration({ steps: '- predcit: m\n  as: mm', response: 'response: { outputs: { y: mm.y } }' }),
        [
          '16 pipelines.p.steps[0]: a step is one of fetch, transform, predict, step, not "predcit"; did you mean "predict"?',
        ],
      ],
      [
        'no verb',
        withSteps('- as: price'),
        ['16 pipelines.p.steps[0]: a step is one of fetch, transform, predict, step, not "as"'],
      ],
      [
        'empty step',
        withSteps('- {}'),
        ['16 pipelines.p.steps[0]: an empty step: write one of fetch, transform, predict, step'],
      ],
      [
        'null step',
        withSteps('-'),
        ['16 pipelines.p.steps[0]: has no value: write a block of keys, or leave the key out'],
      ],
      ['step text', withSteps('- price'), ['16 pipelines.p.steps[0]: "price" is not a block of keys']],
      ['steps map', withSteps('fetch: price'), ['15 pipelines.p.steps: a block of keys is not a list']],
      [
        'steps missing',
        configuration({
          pipelines: 'p:\n  request: {item: string}\n  response: { outputs: { y: request.item } }',
        }),
        ['13 pipelines.p.steps: is missing: a list'],
      ],
      [
        'two verbs',
        withSteps('- fetch: price\n  predict: m'),
        ['16 pipelines.p.steps[0]: one step does one thing, not fetch and predict: make two steps'],
      ],
      [
        'proto pipeline',
        configuration({ pipelines: '__proto__:\n  steps: []\n  response: { outputs: {} }' }),
        ['13 pipelines.__proto__: "__proto__" cannot be a name: choose another'],
      ],
      [
        'proto field',
        configuration({
          pipelines:
            'p:\n  request: { __proto__: string, item: string }\n  steps: []\n  response: { outputs: { y: request.item } }',
        }),
        ['14 pipelines.p.request.__proto__: "__proto__" cannot be a name: choose another'],
      ],
      [
        'proto input',
        withSteps('- transform: cal\n  inputs: { __proto__: request.at, time: request.at }\n- fetch: price'),
        ['17 pipelines.p.steps[0].inputs.__proto__: "__proto__" cannot be a name: choose another'],
      ],
      [
        'constructor input',
        withSteps(
          '- transform: cal\n  inputs: { constructor: request.at, time: request.at }\n- fetch: price',
        ),
        ['17 pipelines.p.steps[0].inputs.constructor: there is no input "constructor"; there are time'],
      ],
      [
        'unit text',
        configuration({
          pipelines:
            'p:\n  request: { item: string }\n  deadlineMs: 5s\n  steps: []\n  response: { outputs: { y: request.item } }',
        }),
        [
          '15 pipelines.p.deadlineMs: "5s" is not a whole number: write digits alone, without a unit or separators',
        ],
      ],
      [
        'unit suffix',
        configuration({
          pipelines:
            'p:\n  request: { item: string }\n  deadline: 500\n  steps: []\n  response: { outputs: { y: request.item } }',
        }),
        ['15 pipelines.p.deadline: unknown key "deadline"; did you mean "deadlineMs"?'],
      ],
      [
        'unit huge',
        configuration({
          pipelines:
            'p:\n  request: { item: string }\n  deadlineMs: 9999999999\n  steps: []\n  response: { outputs: { y: request.item } }',
        }),
        ['15 pipelines.p.deadlineMs: 9999999999 must be at most 2147483647 ms (24.8 days)'],
      ],
      [
        'unit neg',
        configuration({
          pipelines:
            'p:\n  request: { item: string }\n  deadlineMs: -1\n  steps: []\n  response: { outputs: { y: request.item } }',
        }),
        ['15 pipelines.p.deadlineMs: -1 must be at least 1 ms'],
      ],
      [
        'deadline zero',
        configuration({
          pipelines:
            'p:\n  request: { item: string }\n  deadlineMs: 0\n  steps: []\n  response: { outputs: { y: request.item } }',
        }),
        ['15 pipelines.p.deadlineMs: 0 must be at least 1 ms'],
      ],
      [
        'request list',
        configuration({
          pipelines:
            'p:\n  request: [item]\n  steps: [{ fetsch: x }]\n  response: { outputs: { y: request.item } }',
        }),
        [
          '14 pipelines.p.request: a list is not a block of keys',
          '15 pipelines.p.steps[0]: a step is one of fetch, transform, predict, step, not "fetsch"; did you mean "fetch"?',
        ],
      ],
      [
        'field type',
        configuration({
          pipelines:
            'p:\n  request: { item: str, n: 5, l: [string], m: { typ: string }, z: }\n  steps: [{ fetsch: x }, { fetch: nope }]\n  response: { outputs: { y: request.item } }',
        }),
        [
          '14 pipelines.p.request.item: "str" is not a type: use float32, float64, int32, int64, bool, string, timestamp, bytes, float32[64], list<int64>',
          '14 pipelines.p.request.n: 5 is not a text or a block of keys: write it in quotes',
          '14 pipelines.p.request.l: a list is not a text or a block of keys',
          '14 pipelines.p.request.m.typ: unknown key "typ"; did you mean "type"?',
          '14 pipelines.p.request.z: has no value: write a text or a block of keys, or leave the key out',
          '15 pipelines.p.steps[0]: a step is one of fetch, transform, predict, step, not "fetsch"; did you mean "fetch"?',
          '15 pipelines.p.steps[1].fetch: there is no view or feature source "nope"; there are price',
        ],
      ],
      [
        'field name',
        configuration({
          pipelines:
            'p:\n  request: { my-item: string, "1": int32 }\n  steps: []\n  response: { outputs: { y: request.item } }',
        }),
        [
          '14 pipelines.p.request.1: "1" cannot be a name: a name has 1 to 100 letters, digits and _, not starting with a digit',
          '14 pipelines.p.request.my-item: "my-item" cannot be a name: a name has 1 to 100 letters, digits and _, not starting with a digit',
        ],
      ],
      [
        'pipeline name',
        configuration({
          pipelines:
            '"a b":\n  request: { item: string }\n  steps: []\n  response: { outputs: { y: request.item } }',
        }),
        [
          '13 pipelines.a b: "a b" cannot be the name of a pipeline: a name has 1 to 100 letters, digits, ., _ and -, starting with a letter or digit',
        ],
      ],
      [
        'policy null',
        withSteps('- fetch: price\n  onMissing: null'),
        [
          '17 pipelines.p.steps[0].onMissing: null without quotes means that there is no value: write it in quotes, "null"',
        ],
      ],
      [
        'policy wrong',
        withSteps('- fetch: price\n  onMissing: nul'),
        [
          '17 pipelines.p.steps[0].onMissing: "nul" is not one of default, null, skip, fail; did you mean "null"?',
        ],
      ],
      [
        'policy skip no objects',
        withSteps('- fetch: price\n  onMissing: skip'),
        [
          '16 pipelines.p.steps[0]: `skip` leaves out objects, but this pipeline has none: use default, null or fail',
        ],
      ],
      [
        'key wrong',
        withSteps('- fetch: price\n  key: { itme: request.item }'),
        ['17 pipelines.p.steps[0].key.itme: "price" has no key "itme"; did you mean "item"?'],
      ],
      [
        'key left out, and no field has its name',
        configuration({
          pipelines:
            'p:\n  request: { sku: string }\n  steps:\n    - fetch: price\n  response: { outputs: { y: price.euro } }',
        }),
        [
          '16 pipelines.p.steps[0].key.item: no field is named "item": say which column is the key, as in key: { item: request.field }',
        ],
      ],
      [
        'key by another name, and no field has its own',
        configuration({
          pipelines:
            'p:\n  request: { sku: string }\n  steps:\n    - fetch: price\n      key: { sku: request.sku }\n  response: { outputs: { y: price.euro } }',
        }),
        ['17 pipelines.p.steps[0].key.sku: "price" has no key "sku"; there are item'],
      ],
      [
        'key text',
        withSteps('- fetch: price\n  key: request.item'),
        ['17 pipelines.p.steps[0].key: "request.item" is not a block of keys'],
      ],
      [
        'ref wrong',
        withSteps('- fetch: price\n  key: { item: "request item" }'),
        [
          '17 pipelines.p.steps[0].key.item: "request item" is not a column: `request.field`, `object.field`, `alias.feature` or `time`; a name with other characters in quotes, `alias."a name"`; an element of a vector by its index, `alias.feature[0]`',
        ],
      ],
      [
        'ref missing',
        withSteps('- fetch: price\n  key: { item: request.itm }'),
        [
          '17 pipelines.p.steps[0].key.item: there is no column "request.itm" at this step; did you mean "request.item"?',
        ],
      ],
      [
        'ref type',
        withSteps('- fetch: price\n  key: { item: request.at }'),
        ['17 pipelines.p.steps[0].key.item: "request.at" is a timestamp, but "item" wants a string'],
      ],
      [
        'fetch unknown',
        configuration({
          steps: '- fetch: prise',
          response: 'response: { outputs: { y: prise.euro, z: price.x } }',
        }),
        [
          '16 pipelines.p.steps[0].fetch: there is no view or feature source "prise"; did you mean "price"?',
          '17 pipelines.p.response.outputs.z: there is no column "price.x" at this step; there are request.item, request.at, time',
        ],
      ],
      [
        'fetch bad then ref',
        configuration({
          steps: '- fetch: price\n  kee: x',
          response: 'response: { outputs: { y: price.euro } }',
        }),
        ['17 pipelines.p.steps[0].kee: unknown key "kee"; did you mean "key"?'],
      ],
      [
        'predict not part',
        configuration({ steps: '- predict: hot', response: 'response: { outputs: { y: hot.y } }' }),
        [
          '16 pipelines.p.steps[0].predict: "hot" is not a predictor but a key-value-store, blob-store, cache-store, http-server, predictor-runtime',
        ],
      ],
      [
        'step file missing',
        configuration({
          steps: '- step: ./no.mjs',
          response: 'response: { outputs: { y: no.y, z: other.q } }',
        }),
        ['16 pipelines.p.steps[0].step: there is no file ./no.mjs in DIR'],
      ],
      [
        'step not step',
        configuration({
          steps: '- step: ./notstep.mjs',
          response: 'response: { outputs: { y: notstep.y } }',
        }),
        [
          '16 pipelines.p.steps[0].step: "./notstep.mjs" exports neither a step "notstep" nor a class "Notstep"',
        ],
      ],
      [
        'step syntax',
        configuration({ steps: '- step: ./bad.mjs', response: 'response: { outputs: { y: bad.y } }' }),
        ['16 pipelines.p.steps[0].step: "./bad.mjs" does not load: Unexpected token \'=\' (bad.mjs:1)'],
      ],
      [
        'step number',
        configuration({ steps: '- step: 5', response: 'response: { outputs: { y: bad.y } }' }),
        [
          '16 pipelines.p.steps[0].step: 5 is not a step: write a .js or .mjs file, in code also what defineStep returned or an @injectable() class',
        ],
      ],
      [
        'outputs empty',
        configuration({ response: 'response: { outputs: {} }' }),
        ['17 pipelines.p.response.outputs: name at least one output'],
      ],
      [
        'outputs list',
        configuration({ response: 'response: { outputs: [price.euro] }' }),
        ['17 pipelines.p.response.outputs: a list is not a block of keys'],
      ],
      [
        'response missing',
        configuration({ response: '' }),
        ['13 pipelines.p.response: is missing: a block of keys'],
      ],
      [
        'output wrong, and sorted by',
        configuration({
          pipelines:
            'p:\n  objects: { fields: { item: string } }\n  steps:\n    - fetch: price\n  response: { outputs: { y: price.eruo, z: price.euro }, orderBy: y }',
        }),
        [
          '17 pipelines.p.response.outputs.y: there is no column "price.eruo" at this step; did you mean "price.euro"?',
        ],
      ],
      [
        'output wrong',
        configuration({ response: 'response: { outputs: { y: price.eruo } }' }),
        [
          '17 pipelines.p.response.outputs.y: there is no column "price.eruo" at this step; did you mean "price.euro"?',
        ],
      ],
      [
        'output number',
        configuration({ response: 'response: { outputs: { y: 5 } }' }),
        ['17 pipelines.p.response.outputs.y: 5 is not a text: write it in quotes'],
      ],
      [
        'order by',
        configuration({ response: 'response: { outputs: { y: price.euro }, orderBy: y, limit: 0 }' }),
        ['17 pipelines.p.response.limit: 0 is too small: it must be greater than 0'],
      ],
      [
        'record step',
        withSteps('- record: true\n- fetch: price'),
        [
          '16 pipelines.p.steps[0].record: `record` is not a step: write it beside `steps`, or leave it out, since metrics are on by default',
        ],
      ],
      [
        'record true',
        configuration({
          pipelines:
            'p:\n  request: { item: string }\n  record: true\n  steps: []\n  response: { outputs: { y: request.item } }',
        }),
        ['15 pipelines.p.record: true must be `false`, or a block such as { metrics: true }'],
      ],
      [
        'record yes',
        configuration({
          pipelines:
            'p:\n  request: { item: string }\n  record: { metrics: yes }\n  steps: []\n  response: { outputs: { y: request.item } }',
        }),
        ['15 pipelines.p.record.metrics: "yes" is not true or false: write true, without quotes'],
      ],
      [
        'cache part',
        withSteps('- fetch: price\n  cache: { in: hot, ttlMs: 60s }'),
        [
          '17 pipelines.p.steps[0].cache.ttlMs: "60s" is not a whole number: write digits alone, without a unit or separators',
        ],
      ],
      [
        'cache text',
        withSteps('- fetch: price\n  cache: hot'),
        ['17 pipelines.p.steps[0].cache: "hot" is not a block of keys'],
      ],
      [
        'cache no ttl',
        withSteps('- fetch: price\n  cache: { in: hot }'),
        ['17 pipelines.p.steps[0].cache.ttlMs: is missing: a whole number'],
      ],
      [
        'objects max',
        configuration({
          pipelines:
            'p:\n  objects: { fields: { item: string }, max: 0 }\n  steps: []\n  response: { outputs: { y: object.item }, descending: desc }',
        }),
        [
          '14 pipelines.p.objects.max: 0 is too small: it must be greater than 0',
          '16 pipelines.p.response.descending: "desc" is not true or false',
        ],
      ],
      [
        'time',
        configuration({
          pipelines:
            'p:\n  request: { item: string }\n  time: request.item\n  steps: []\n  response: { outputs: { y: request.item } }',
        }),
        ['15 pipelines.p.time: "request.item" is a string, not a timestamp'],
      ],
      [
        'predict inputs',
        configuration({
          steps: '- predict: x\n  inputs: [request.item]',
          response: 'response: { outputs: { y: x.y } }',
        }),
        ['17 pipelines.p.steps[0].inputs: a list is not a block of keys'],
      ],
      [
        'predict inputs text',
        configuration({
          steps: '- predict: x\n  inputs: { input: request.item }',
          response: 'response: { outputs: { y: x.y } }',
        }),
        ['17 pipelines.p.steps[0].inputs.input: "request.item" is not a list: write it in [ ]'],
      ],
      [
        'yaml number separators',
        configuration({
          pipelines:
            'p:\n  request: { item: string }\n  deadlineMs: 1_000\n  steps: []\n  response: { outputs: { y: request.item } }',
        }),
        [
          '15 pipelines.p.deadlineMs: "1_000" is not a whole number: write digits alone, without a unit or separators',
        ],
      ],
      [
        'alias of step',
        configuration({ steps: '- fetch: price\n  as: a.b', response: 'response: { outputs: { y: a.z } }' }),
        [
          '17 pipelines.p.steps[0].as: "a.b" cannot be a name: a name has 1 to 100 letters, digits and _, not starting with a digit',
        ],
      ],
    ],
    { files: { 'notstep.mjs': 'export const x = 1;', 'bad.mjs': 'export const = 1;' } },
  );
});
