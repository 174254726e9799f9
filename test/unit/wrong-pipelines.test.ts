import { configuration, refuses, withSteps } from '../support/wrong-configuration.js';

describe('A wrong pipeline', () => {
  refuses([
    ['steps map', withSteps('fetch: price'), ['15 pipelines.p.steps: a block of keys is not a list']],
    [
      'steps missing',
      configuration({
        pipelines: 'p:\n  request: {item: string}\n  response: { outputs: { y: request.item } }',
      }),
      ['13 pipelines.p.steps: is missing: a list'],
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
      'yaml number separators',
      configuration({
        pipelines:
          'p:\n  request: { item: string }\n  deadlineMs: 1_000\n  steps: []\n  response: { outputs: { y: request.item } }',
      }),
      [
        '15 pipelines.p.deadlineMs: "1_000" is not a whole number: write digits alone, without a unit or separators',
      ],
    ],
  ]);
});
