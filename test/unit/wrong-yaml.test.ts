import { configuration, refuses, withPart, withSteps } from '../support/wrong-configuration.js';

describe('A wrong YAML file', () => {
  refuses([
    ['parts list', 'parts:\n  - use: memory\n', ['1 parts: a list is not a block of keys']],
    [
      'parts null',
      'parts:\npipelines: {}\n',
      ['1 parts: has no value: write a block of keys, or leave the key out'],
    ],
    [
      'dup part',
      withPart('hot: { use: memory }'),
      ['5 parts.hot: the key "hot" stands here a second time, after line 2: keep one of them'],
    ],
    [
      'dup step alias',
      withSteps('- fetch: price\n- fetch: price'),
      ['17 pipelines.p.steps[1].as: the alias "price" is taken: give this step another with `as`'],
    ],
    [
      'dup deep',
      withSteps('- fetch: price\n  onMissing: fail\n  onMissing: skip'),
      [
        '18 pipelines.p.steps[0].onMissing: the key "onMissing" stands here a second time, after line 17: keep one of them',
        '16 pipelines.p.steps[0]: `skip` leaves out objects, but this pipeline has none: use default, null or fail',
      ],
    ],
    [
      'top unknown',
      configuration({ more: 'pipeline:\n  x: 1' }),
      ['19 pipeline: unknown key "pipeline"; did you mean "pipelines"?'],
    ],
    [
      'top list',
      '- a\n',
      ['1: a list is not a configuration: write the blocks parts, views, pipelines, admission, modules'],
    ],
    [
      'top text',
      'hello\n',
      ['1: "hello" is not a configuration: write the blocks parts, views, pipelines, admission, modules'],
    ],
    ['empty', '', ['1: the file is empty']],
    ['comment', '# nothing\n', ['1: the file is empty']],
    ['null doc', '~\n', ['1: the file is empty']],
    [
      'tab',
      'parts:\n\thot: { use: memory }\n\tb: { use: memory }\n',
      ['2: is indented with a tab: indent with spaces'],
    ],
    [
      'tab deeper',
      'parts:\n  hot:\n\t  use: memory\n  b: { use: memory }\n',
      ['3: is indented with a tab: indent with spaces'],
    ],
    [
      'tab after spaces',
      'parts:\n  hot:\n  \tuse: memory\n    path: a\n    size: 1\n',
      ['3: is indented with a tab: indent with spaces'],
    ],
    [
      'tab in a step',
      withSteps('- fetch: price\n\tonMissing: null'),
      ['17: is indented with a tab: indent with spaces'],
    ],
    [
      'indentation of several lines',
      'parts:\n   hot: { use: memory }\n  b: { use: memory }\n  c: { use: memory }\n  d: { use: memory }\n',
      ['3: is indented unlike the keys above it: keys of one block begin in the same column'],
    ],
    [
      'indented further than the verb',
      withSteps('- fetch: price\n   onMissing: null'),
      ['16: has a value, but the line below is indented further: keys of one block begin in the same column'],
    ],
    [
      'indented less than the verb',
      withSteps('- fetch: price\n onMissing: null'),
      [
        '17: stands in a list, but does not begin with "- ": indent it like the keys of the step or entry above',
      ],
    ],
    [
      'merge key',
      'parts:\n  a: &a { use: memory }\n  b:\n    <<: *a\n',
      ['4 parts.b.<<: merge keys (<<) are not read: repeat the keys, or give the whole value an anchor'],
    ],
    [
      'alias',
      'parts:\n  a: *x\n',
      ['2 parts.a: the alias *x refers to no anchor: write &x before the value that it repeats'],
    ],
    [
      'tag',
      withPart('w: !secret { use: memory }'),
      ['5 parts.w: the tag !secret has no meaning here: leave it out'],
    ],
    [
      'docs',
      'parts: {}\n---\nparts: {}\n',
      ['2: a second document begins here (---): a configuration is one document'],
    ],
    [
      'unclosed',
      'parts:\n  a: { use: memory\n  b: { use: memory }\n',
      ['2: the { is not closed: write its } before line 3, or indent that line further'],
    ],
    [
      'quote',
      'parts:\n  a: { use: "memory }\n  b: { use: memory }\npipelines: {}\n',
      ['2: the quote that opens here is not closed'],
    ],
    [
      'indent',
      'parts:\n  hot:\n    use: memory\n   path: x\n',
      ['4: is indented unlike the keys above it: keys of one block begin in the same column'],
    ],
    [
      'nospace',
      'parts:\n  hot:{ use: memory }\n',
      ['2 parts.hot:{ use: is a space missing after the ":" of "hot:{ use"?'],
    ],
    [
      'nocolon',
      'parts\n  hot:\n    use: memory\n',
      ['1: is neither a key nor a value: is a ":" missing after the key?'],
    ],
    ['at', 'parts:\n  a: { use: @acme/x }\n', ['2: a text cannot begin with @: quote it']],
    [
      'complex key',
      'parts:\n  [a]: { use: memory }\n',
      ['2 parts: a key must be a text, not a block or a list'],
    ],
    [
      'dup inner',
      withPart('web: { use: express, port: 1, port: 2 }'),
      ['5 parts.web.port: the key "port" stands here a second time, after line 5: keep one of them'],
    ],
    [
      'two yaml faults',
      'parts:\n  a: { use: @x }\n  b: { use: `y` }\n',
      ['2: a text cannot begin with @: quote it', '3: a text cannot begin with `: quote it'],
    ],
    [
      'closes twice',
      'parts:\n  a: { use: memory }}\n  b: { use: memory }\n',
      ['2: "}" does not belong here: quote a text that holds { } [ ] or ,'],
    ],
  ]);
});

describe('A wrong reference to the environment', () => {
  refuses(
    [
      [
        'stage',
        withPart('o3: { use: lmdb, path: "./${STAGE}/x" }'),
        [
          '5 parts.o3.path: "${STAGE}" is not a reference: write "${env:STAGE}"; "$${" stands for "${" itself',
        ],
      ],
      [
        'stage shell',
        withPart('o3: { use: lmdb, path: "./${env:STAGE-dev}/x" }'),
        [
          '5 parts.o3.path: "${env:STAGE-dev}" is not a reference: write "${env:STAGE:-dev}"; "$${" stands for "${" itself',
        ],
      ],
      [
        'env missing',
        withPart('o3: { use: lmdb, path: "${env:NOPE}" }'),
        ['5 parts.o3.path: the environment variable NOPE is not set; give a default with ${env:NOPE:-…}'],
      ],
      [
        'env number',
        withPart('web: { use: express, port: "${env:MANY}" }'),
        ['5 parts.web.port: the value of ${env:MANY} is not a whole number'],
      ],
      [
        'env dollar',
        withPart('o3: { use: lmdb, path: "./${env:STAGE" }'),
        ['5 parts.o3.path: "${env:STAGE" is not a reference: it has no closing }'],
      ],
      [
        'env upper',
        withPart('o3: { use: lmdb, path: "${ENV:STAGE}" }'),
        [
          '5 parts.o3.path: "${ENV:STAGE}" is not a reference: write "${env:STAGE}"; "$${" stands for "${" itself',
        ],
      ],
      [
        'env nested',
        withPart('o3: { use: lmdb, path: "${env:A:-${env:B}}" }'),
        ['5 parts.o3.path: "${env:A:-${env:B}}" is not a reference: a default cannot hold another one'],
      ],
      [
        'env unquoted',
        withPart('web: { use: express, port: ${env:PORT} }'),
        ['5: inside { … } or [ … ] quote it: "${env:NAME}"'],
      ],
      [
        'secret in url',
        withPart('r: { use: redis, url: "http://user:hunter2@host:1" }'),
        [
          '5 parts.r.url: "http://user:***@host:1" is written redis://[user[:password]@]host[:port][/database], or rediss:// for TLS',
        ],
      ],
      [
        'secret wrong',
        withPart('r: { use: redis, url: "redis://h", passwrod: hunter2 }'),
        ['5 parts.r.passwrod: unknown key "passwrod"; did you mean "password"?'],
      ],
      [
        'secret number',
        withPart('r: { use: redis, url: "redis://h", password: 12345 }'),
        ['5 parts.r.password: the secret is not a text: write it in quotes'],
      ],
    ],
    { env: { MANY: 'many-xyzzy', B: '1' } },
  );
});
