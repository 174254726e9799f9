import { disposeAll, type CallContext, type Statement, type TableRows, type Warehouse } from 'vivace';

/** Temporary tables of a warehouse that are disposed of together, the last one first. */
export class KeptTables implements AsyncDisposable {
  readonly #warehouse: Warehouse;
  readonly #context: CallContext;
  readonly #tables: AsyncDisposable[] = [];

  constructor(warehouse: Warehouse, context: CallContext) {
    this.#warehouse = warehouse;
    this.#context = context;
  }

  /** @returns The table's name, ready for FROM. */
  async keep(statement: Statement): Promise<string> {
    const table = await this.#warehouse.keep(statement, this.#context);
    this.#tables.push(table);
    return table.name;
  }

  /** @returns The table's name, ready for FROM. */
  async load(rows: TableRows): Promise<string> {
    const table = await this.#warehouse.load(rows, this.#context);
    this.#tables.push(table);
    return table.name;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await disposeAll(this.#tables.splice(0));
  }
}
