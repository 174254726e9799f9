import type { PipelineAnswer, PipelineDescription } from '../ports/data-plane.js';
import { createAnswerWriter } from './answer-writer.js';
import { requestSchema, responseSchema, type JsonSchema } from './json-schema.js';
import { createRequestDecoder, type DecodedRequest } from './request-decoder.js';
import { requestLimits, type RequestLimits } from './request-limits.js';

/** A pipeline in JSON: its requests, its answers, and the schemas of both. */
export interface PipelineCodec {
  /** JSON Schema (2020-12) of a request body. */
  readonly requestSchema: JsonSchema;
  /** JSON Schema (2020-12) of an answer. */
  readonly responseSchema: JsonSchema;
  /** How large a request can be: check it before you parse one. */
  readonly limits: RequestLimits;
  /**
   * Reads what JSON.parse gave: `{ request, objects?, explain? }`.
   *
   * @throws {VivaceError} `INVALID_ARGUMENT` with the path of what is wrong first, and the first mistakes as `details`.
   */
  decode(body: unknown): DecodedRequest;
  /** @param columnar Whether objects are answered as columns, as `decode` reported for the request. */
  text(answer: PipelineAnswer, columnar: boolean): string;
  /** The answer as an object, with the same values as `text`. */
  value(answer: PipelineAnswer, columnar: boolean): object;
}

/** The JSON codec of a pipeline. Create it once per pipeline, so that requests do not have to read the description. */
export function pipelineCodec(description: PipelineDescription): PipelineCodec {
  return {
    requestSchema: requestSchema(description),
    responseSchema: responseSchema(description),
    limits: requestLimits(description),
    decode: createRequestDecoder(description),
    ...createAnswerWriter(description),
  };
}
