import {
  calendarDay,
  dayOf,
  definePlugin,
  isValid,
  microsPerHour,
  startOfDay,
  transform,
  type Column,
  type ColumnWriter,
} from 'vivace';
import { z } from 'zod';

const outputs = { hour: 'int32', weekday: 'int32', month: 'int32', day_of_year: 'int32' } as const;

interface Moment {
  readonly hour: number;
  readonly weekday: number;
  readonly month: number;
  readonly day_of_year: number;
}

/** Parts of a time: hour 0–23, weekday 1 (Monday) to 7, month 1–12, day of the year 1–366; null where the time is null. */
export const calendar = definePlugin({
  provides: transform,
  name: 'calendar',
  options: z.strictObject({
    offsetMinutes: z
      .int()
      .min(-14 * 60)
      .max(14 * 60)
      .default(0)
      .describe('minutes to add to UTC before the parts are taken'),
  }),
  describe: () => ({ reads: { time: 'timestamp' }, writes: outputs }),
  create: ({ offsetMinutes }) => ({
    apply(input, out) {
      const time = input.column('time');
      const names = Object.keys(outputs) as (keyof Moment)[];
      const writers = names.map((name) => out.column(name));
      for (let row = 0; row < input.rows; row++)
        writeRow(time, row, { names, writers, offset: offsetMinutes * 60_000_000 });
    },
  }),
});

function writeRow(
  time: Column,
  row: number,
  {
    names,
    writers,
    offset,
  }: { names: readonly (keyof Moment)[]; writers: readonly ColumnWriter[]; offset: number },
): void {
  if (!isValid(time, row)) {
    for (const writer of writers) writer.setNull(row);
    return;
  }
  const moment = momentOf((time.values[row] as number) + offset);
  names.forEach((name, i) => (writers[i]!.values[row] = moment[name]));
}

function momentOf(micros: number): Moment {
  const day = dayOf(micros);
  const { weekday, month, dayOfYear } = calendarDay(day);
  return {
    hour: Math.floor((micros - startOfDay(day)) / microsPerHour),
    weekday,
    month,
    day_of_year: dayOfYear,
  };
}
