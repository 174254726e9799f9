import { VivaceError } from '../kernel/errors.js';

/**
 * The name of a set of kept days (`Warehouse.keepDays`), once it is known to be one: it has nothing that leads to another directory or table.
 *
 * @throws {VivaceError} `INVALID_ARGUMENT` for any other text.
 */
export function keptSetName(name: string): string {
  if (/^[a-z0-9_-]{1,100}$/.test(name)) return name;
  throw new VivaceError(
    'INVALID_ARGUMENT',
    `${JSON.stringify(name)} does not name kept days: use 1 to 100 of a to z, digits, _ and -`,
  );
}
