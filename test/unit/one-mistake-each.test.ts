import { configuration, refuses, withSteps } from '../support/wrong-configuration.js';

const nameText = 'a name has 1 to 100 letters, digits and _, not starting with a digit';
const modules = `
import { defineVerb, stepDefinition } from '${import.meta.resolve('vivace')}';
import { z } from '${import.meta.resolve('zod')}';
const own = defineVerb({ verb: 'lookup', schema: z.strictObject({ lookup: z.string() }), compile: () => undefined });
export const module = { id: 4711, load: ({ bind }) => bind(stepDefinition).toConstantValue(own) };
`;

describe('What follows from a mistake is no mistake of its own', () => {
  refuses(
    [
      [
        'views misspelt',
        configuration().replace('views:', 'veiws:'),
        ['6 veiws: unknown key "veiws"; did you mean "views"?'],
      ],
      [
        'parts misspelt',
        configuration().replace('parts:', 'prats:'),
        ['1 prats: unknown key "prats"; did you mean "parts"?'],
      ],
      [
        'modules misspelt',
        configuration({
          steps: '- lookup: x',
          response: 'response: { outputs: { y: x.y } }',
          more: 'modlues: [./own.mjs]',
        }),
        ['19 modlues: unknown key "modlues"; did you mean "modules"?'],
      ],
      [
        'use misspelt',
        configuration().replace('online: { use:', 'online: { ues:'),
        ['3 parts.online.ues: unknown key "ues"; did you mean "use"?'],
      ],
      [
        'use left out beside an option of a like name',
        configuration().replace('cal: { use: calendar }', 'cal: { user: me }'),
        ['4 parts.cal.use: is missing: a name, or what defineAdapter or definePlugin returned'],
      ],
      [
        'a view whose name is none',
        configuration()
          .replace('price:', 'the-price:')
          .replace('fetch: price', 'fetch: the-price')
          .replace('price.euro', 'the-price.euro'),
        [`7 views.the-price: "the-price" cannot be the name of a view: ${nameText}`],
      ],
      [
        'a view whose name is none, under the name that it would have',
        configuration()
          .replace('price:', 'the-price:')
          .replace('fetch: price', 'fetch: the-price')
          .replace('price.euro', 'the_price.euro'),
        [`7 views.the-price: "the-price" cannot be the name of a view: ${nameText}`],
      ],
      [
        'a feature whose name is none',
        configuration().replace('euro: {', 'in-euro: {').replace('price.euro', 'price.in-euro'),
        [`10 views.price.features.in-euro: "in-euro" cannot be a name: ${nameText}`],
      ],
      [
        'a field whose name is none',
        withSteps('- fetch: price\n  key: { item: request.the-item }').replace(
          'request: { item:',
          'request: { the-item:',
        ),
        [`14 pipelines.p.request.the-item: "the-item" cannot be a name: ${nameText}`],
      ],
      [
        'an alias that is none',
        configuration({
          steps: '- fetch: price\n  as: my-price',
          response: 'response: { outputs: { y: my-price.euro } }',
        }),
        [`17 pipelines.p.steps[0].as: "my-price" cannot be a name: ${nameText}`],
      ],
      [
        'a part whose name is none',
        configuration()
          .replace('cal: {', '1cal: {')
          .replace('- fetch: price', '- { transform: 1cal, inputs: { time: request.at } }')
          .replace('price.euro', '1cal.hour'),
        [
          '4 parts.1cal: "1cal" cannot be the name of a part: a name has 1 to 63 letters, digits, _ and -, starting with a letter',
        ],
      ],
      [
        'a part with - in its name, where its alias has _',
        configuration()
          .replace('cal: {', 'my-cal: {')
          .replace('- fetch: price', '- { transform: my-cal, inputs: { time: request.at } }')
          .replace('price.euro', 'my-cal.hour'),
        [
          '17 pipelines.p.response.outputs.y: "my-cal.hour" is not a column: write my_cal.hour, since an alias has _ where a name has -',
        ],
      ],
      [
        'as misspelt',
        configuration({
          steps: '- fetch: price\n  aas: now',
          response: 'response: { outputs: { y: now.euro } }',
        }),
        ['17 pipelines.p.steps[0].aas: unknown key "aas"; did you mean "as"?'],
      ],
      [
        'a verb misspelt',
        withSteps('- ftech: price'),
        [
          '16 pipelines.p.steps[0]: a step is one of fetch, transform, predict, step, not "ftech"; did you mean "fetch"?',
        ],
      ],
      [
        'a verb misspelt, after other keys',
        withSteps('- onMissing: fail\n  key: { item: item }\n  ftech: price'),
        [
          '16 pipelines.p.steps[0]: a step is one of fetch, transform, predict, step, not "ftech"; did you mean "fetch"?',
        ],
      ],
      [
        'a verb that there is not, after other keys',
        withSteps('- as: price\n  lookup: x'),
        ['16 pipelines.p.steps[0]: a step is one of fetch, transform, predict, step, not "lookup"'],
      ],
      [
        'predict misspelt',
        configuration({ steps: '- predcit: score', response: 'response: { outputs: { y: score.y } }' }),
        [
          '16 pipelines.p.steps[0]: a step is one of fetch, transform, predict, step, not "predcit"; did you mean "predict"?',
        ],
      ],
      [
        'a key of predict misspelt',
        configuration({
          parts: 'onnx: { use: onnxruntime }',
          views: 'price: { store: x, entity: {}, features: {} }',
          steps: '- predict: score\n  inptus: { a: [request.item] }',
          response: 'response: { outputs: { y: score.y } }',
        }).replace(/views:[^]*(?=pipelines:)/, ''),
        ['9 pipelines.p.steps[0].inptus: unknown key "inptus"; did you mean "inputs"?'],
      ],
      [
        'a predictor that there is not',
        configuration({ steps: '- predict: score', response: 'response: { outputs: { y: score.y } }' }),
        ['16 pipelines.p.steps[0].predict: there is no predictor part "score"'],
      ],
    ],
    { files: { 'own.mjs': modules } },
  );
});
