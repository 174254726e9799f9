import { configuration, refuses, withSteps } from '../support/wrong-configuration.js';

describe('A wrong step', () => {
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
      [
        'two verbs',
        withSteps('- fetch: price\n  predict: m'),
        ['16 pipelines.p.steps[0]: one step does one thing, not fetch and predict: make two steps'],
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
        'record step',
        withSteps('- record: true\n- fetch: price'),
        [
          '16 pipelines.p.steps[0].record: `record` is not a step: write it beside `steps`, or leave it out, since metrics are on by default',
        ],
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
