import type { PipelineAnswer, PipelineDescription } from '../ports/data-plane.js';
import { createAnswerWriter } from './answer-writer.js';
import { requestSchema, responseSchema, type JsonSchema } from './json-schema.js';
import { createRequestDecoder, type DecodedRequest } from './request-decoder.js';

/** A pipeline in JSON: its requests and answers, and what they look like. */
export interface PipelineCodec {
  /** JSON Schema (2020-12) of a request body. */
  readonly requestSchema: JsonSchema;
  /** JSON Schema (2020-12) of an answer. */
  readonly responseSchema: JsonSchema;
  /**
   * Reads what JSON.parse gave: `{ request, objects?, explain? }`.
   *
   * @throws {VivaceError} `INVALID_ARGUMENT` with the path of what is wrong.
   */
  decode(body: unknown): DecodedRequest;
  /** @param columnar Whether objects are answered as columns: as `decode` said of the request. */
  text(answer: PipelineAnswer, columnar: boolean): string;
  /** The answer as an object, which says the same as `text`. */
  value(answer: PipelineAnswer, columnar: boolean): object;
}

/** The JSON of a pipeline. Make it once per pipeline: a request then costs no look at the description. */
export function pipelineCodec(description: PipelineDescription): PipelineCodec {
  return {
    requestSchema: requestSchema(description),
    responseSchema: responseSchema(description),
    decode: createRequestDecoder(description),
    ...createAnswerWriter(description),
  };
}
