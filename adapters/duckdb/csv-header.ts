const delimiters = [',', ';', '\t', '|'] as const;

/** The names that the first line of a CSV file has, and what separates them. */
export interface CsvHeader {
  readonly delimiter: string;
  readonly names: readonly string[];
}

/**
 * Reads the header of a CSV file. What separates its names is a tab in a `.tsv` file, and otherwise whichever of `,`, `;`, tab and `|`
 * stands in it most often outside quotes. A column without a name gets one of its own, as DuckDB gives it.
 */
export function readCsvHeader(line: string, tabs: boolean): CsvHeader {
  const bare = line.replaceAll(/"(?:[^"]|"")*"/g, '');
  const count = (delimiter: string): number => bare.split(delimiter).length;
  const delimiter = tabs
    ? '\t'
    : delimiters.reduce((most, next) => (count(next) > count(most) ? next : most));
  return { delimiter, names: named(fieldsOf(line, delimiter)) };
}

function fieldsOf(line: string, delimiter: string): string[] {
  const fields: string[] = [];
  let at = 0;
  for (;;) {
    const quoted = /^\s*"((?:[^"]|"")*)"\s*/.exec(line.slice(at));
    const end = line.indexOf(delimiter, quoted === null ? at : at + quoted[0].length);
    const bare = end < 0 ? line.slice(at) : line.slice(at, end);
    fields.push(quoted === null ? bare.trim() : (quoted[1] as string).replaceAll('""', '"'));
    if (end < 0) return fields;
    at = end + delimiter.length;
  }
}

function named(names: readonly string[]): string[] {
  const taken = new Set(names.map((name) => name.toLowerCase()));
  return names.map((name, i) => {
    if (name !== '') return name;
    let own = `column${i}`;
    for (let n = 1; taken.has(own); n++) own = `column${i}_${n}`;
    taken.add(own);
    return own;
  });
}
