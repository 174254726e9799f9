import { expect } from 'chai';
import { createServer, inferKinds, parseExpression } from 'vivace';
import { expression } from 'vivace/plugins/expression';
import { applyTransform, startPart, transformContract } from 'vivace/testing';
import { canonicalExpression } from '../../core/expressions/expression.js';
import { expressionCases, isValue, type ExpressionCase } from '../fixtures/expressions.js';
import { valuesOf } from '../support/expression-values.js';
import { failure } from '../support/failure.js';

const runner = { describe, it, beforeEach, afterEach };

const mistakeOf = (text: string): string => {
  try {
    inferKinds({ x: parseExpression(text) });
  } catch (error) {
    return (error as Error).message;
  }
  throw new Error(`${text} has no mistake`);
};

describe('expressions', () => {
  it('mean in process what the table of cases says', () => {
    const wrong = ({ text, given, expect: wanted }: ExpressionCase): string[] => {
      const [value] = valuesOf(text, [given]);
      return isValue(text, value, wanted) ? [] : [`${text}: ${String(value)}, not ${String(wanted)}`];
    };
    expect(expressionCases.flatMap(wrong)).to.deep.equal([]);
    expect(expressionCases.length).to.be.greaterThan(150);
  });

  it('mean the same once they are written in canonical form', () => {
    for (const { text } of expressionCases) {
      const canonical = canonicalExpression(parseExpression(text));
      expect(canonicalExpression(parseExpression(canonical)), text).to.equal(canonical);
    }
    expect(canonicalExpression(parseExpression('a+B *"in"'))).to.equal('(a + (B * "in"))');
  });

  const mistakes: readonly (readonly [string, string])[] = [
    ['', 'at character 1: an expression is expected, and there is none'],
    ['a +', 'at character 4: the expression ends where a value is expected'],
    ['a == b', 'at character 3: == is not part of the language: write ='],
    ['a <> b', 'at character 3: <> is not part of the language: write !='],
    ['a && b', 'at character 3: && is not part of the language: write and'],
    ['a ; b', 'at character 3: ";" is not part of the language'],
    ['quantity * (price', 'at character 18: the expression ends where ) is expected'],
    ['lg(a)', 'at character 1: there is no function "lg"; did you mean "log"?'],
    ['abs(a, b)', 'at character 1: abs takes one value, and here it has 2'],
    ['min(a)', 'at character 1: min takes two values or more, and here it has 1'],
    [
      'a < b < c',
      'at character 7: < follows another comparison (< at character 3): join them with and, or use parentheses',
    ],
    ['a nd b', 'at character 3: an operator or the end is expected, and there is "nd"; did you mean "and"?'],
    ['a in (b)', 'at character 7: the list of in has numbers, texts, true or false'],
    ['case when p then 1', 'at character 19: the expression ends where end is expected'],
    ["s = 'x", 'at character 5: a text begins here that does not end: it lacks a quote'],
    ['2x + 1', 'at character 1: 2x… is not a number'],
    ['1e999', 'at character 1: 1e999 is greater than any float64'],
    [
      'a + 9007199254740993',
      'at character 5: 9007199254740993 is beyond 2^53, from where on a float64 does not hold every integer',
    ],
    ["s = '\0'", 'at character 5: a text has neither the character 0 nor half a surrogate pair'],
    [
      "a = coalesce(b, a) and b = 'x'",
      'at character 14: a value of coalesce is a number or a truth value: texts can only be compared, by =, != and in',
    ],
    ["a + 'x'", "at character 5: + takes numbers, and 'x' is a text"],
    ['(a > 1) * 2', 'at character 4: * takes numbers, and what > gives is a truth value'],
    ['a and b + 1', 'at character 9: and takes truth values, and what + gives is a number'],
    ["a = 'x' or a > 1", 'at character 12: > takes numbers, and "a" is a text'],
    ["s < 'x'", "at character 5: < takes numbers, and 'x' is a text"],
    [
      'a in (1, true)',
      'at character 10: in takes values of one kind, and true is a truth value beside a number',
    ],
    [
      "case when p then 'x' else 'y' end",
      'at character 18: a value of case is a number or a truth value: texts can only be compared, by =, != and in',
    ],
    [
      "coalesce(s, t) = s and s = 'x'",
      'at character 10: a value of coalesce is a number or a truth value: texts can only be compared, by =, != and in',
    ],
    [
      "'x'",
      'at character 1: the value of an expression is a number or a truth value: texts can only be compared, by =, != and in',
    ],
    [
      `${'('.repeat(300)}a`,
      'at character 257: more than 256 parentheses or operators stand within each other',
    ],
    [`a${' + a'.repeat(70)}`, 'at character 1: the expression is more than 64 operations deep'],
    ['a'.repeat(4097), 'at character 4097: an expression has at most 4096 characters, and this one has 4097'],
  ];
  for (const [text, message] of mistakes) {
    it(`refuse ${JSON.stringify(text.slice(0, 40))}, and say where`, () => {
      expect(mistakeOf(text)).to.equal(message);
    });
  }

  it('refuse any text in words, and never end otherwise', () => {
    const words = `a b 1 .5 'x' "q" ( ) , + - * / = != < >= and or not in is null true case when then else end
      min log coalesce $ 😀 \\ " ' __proto__ constructor`.split(/\s+/);
    let state = 7;
    const random = (below: number): number => {
      state = (Math.imul(state, 1103515245) + 12345) >>> 0;
      return Math.floor((state / 2 ** 32) * below);
    };
    let parsed = 0;
    for (let run = 0; run < 5_000; run++) {
      const text = Array.from({ length: 1 + random(12) }, () => words[random(words.length)]).join(
        random(9) === 0 ? '' : ' ',
      );
      try {
        inferKinds({ x: parseExpression(text) });
        parsed++;
      } catch (error) {
        expect(error, text).to.include({ name: 'VivaceError', code: 'INVALID_CONFIG' });
      }
    }
    expect(parsed).to.be.greaterThan(20);
  });
});

describe('plugin expression', () => {
  transformContract({
    runner,
    definition: expression,
    options: { outputs: { ratio: 'a / b', cheap: 'a < 1 and not sold' } },
    rows: [
      { input: { a: 1, b: 4, sold: false }, expect: { ratio: 0.25, cheap: false } },
      { input: { a: 0.5, b: 0, sold: false }, expect: { ratio: null, cheap: true } },
      { input: { a: null, b: 4, sold: null }, expect: { ratio: null, cheap: null } },
    ],
  });

  it('takes numbers of any type, and says what a text of unknown type is', async () => {
    const part = await startPart(expression, {
      outputs: { sum: 'n + f', same: 's = t' },
      types: { s: 'string' },
    });
    expect(part.description).to.deep.include({ writes: { sum: 'float64', same: 'bool' } });
    expect(part.description).to.have.nested.property('reads.t.type', 'string');
    expect(applyTransform(part, [{ n: 1, f: 2, s: 'x', t: 'x' }])).to.deep.equal([{ sum: 3, same: true }]);
    await part.stop();
  });

  it('binds columns of any number type in a pipeline, and refuses others', async () => {
    const pipeline = (b: 'int64' | 'string') => ({
      request: { a: 'float32', b } as const,
      steps: [{ transform: 'ratio' }],
      response: { outputs: { ratio: 'ratio.ratio' } },
    });
    const parts = { ratio: { use: expression, outputs: { ratio: 'a / b' } } };
    const server = await createServer({ parts, pipelines: { p: pipeline('int64') } });
    await server.start();
    const { outputs } = await server.predict('p', { request: { a: 1.5, b: 2 } });
    expect(outputs).to.deep.equal({ ratio: 0.75 });
    const error = await failure(server.predict('p', { request: { a: 1, b: 9007199254740993n } }));
    expect(error).to.include({ code: 'INVALID_ARGUMENT' });
    expect(error.message).to.include('"b": 9007199254740993 is beyond 2^53');
    await server.stop();
    expect((await failure(createServer({ parts, pipelines: { p: pipeline('string') } }))).message).to.include(
      '"request.b" is a string, but "b" wants a float64',
    );
  });

  it('reports every mistake of its options, each at its place', async () => {
    const parts = {
      one: { use: 'expression', outputs: { x: 'a +', y: '* b' } },
      two: { use: 'expression', outputs: { x: 'a + 1', y: 'a and p' } },
      three: { use: 'expression', outputs: { x: 'a + 1' }, types: { b: 'string' } },
      four: { use: 'expression', outputs: { x: '1 + 1' } },
      five: { use: 'expression', outputs: {} },
      six: { use: 'expression', outputs: { 'a b': 'a' } },
    };
    const { message } = await failure(createServer({ parts, pipelines: {} }));
    for (const part of [
      'parts.one.outputs.x: "a +": at character 4: the expression ends',
      'parts.one.outputs.y: "* b": at character 1: a value is expected, and there is *',
      'parts.two.outputs.y: "a and p": at character 1: and takes truth values, and "a" is a number',
      '`types` has "b", which no expression names',
      'the expressions name no column',
      'name at least one output',
      'cannot be a name',
    ])
      expect(message).to.include(part);
  });
});
