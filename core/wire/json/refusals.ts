import { VivaceError } from '../../kernel/errors.js';

export function tooManyValues(max: number): VivaceError {
  return new VivaceError(
    'INVALID_ARGUMENT',
    `the body has more than ${max} values, which no request of this kind has`,
  );
}

export function tooManyContainers(max: number): VivaceError {
  return new VivaceError(
    'INVALID_ARGUMENT',
    `the body has more than ${max} lists and objects, which no request of this kind has`,
  );
}
