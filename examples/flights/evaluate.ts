import { asOf, cellAt, type AsOfBlock, type CallContext, type Column, type Server } from 'vivace';
import { spine } from './spine.js';

/** How good a ranking of flights is. */
export interface Quality {
  /** Root of the mean squared error, minutes. */
  readonly rmse: number;
  /** Part of the pairs of flights of one origin and day whose order by delay is the predicted one; a tie counts half. */
  readonly pairsInOrder: number;
}

export interface Evaluation {
  readonly rows: number;
  readonly pairs: number;
  readonly model: Quality;
  /** The mean delay of the route over the training rows; of all rows where the route has none. */
  readonly routeMean: Quality;
}

interface Flights {
  readonly origin: string[];
  readonly destination: string[];
  readonly day: number[];
  readonly delay: number[];
  readonly predicted: number[];
}

const microsPerDay = 86_400_000_000;

/** Judges the model by every flight from 2001-06-01 on, scored as of its departure. */
export async function evaluate(server: Server, context: CallContext): Promise<Evaluation> {
  const training = await readFlights(server, { spine: spine('train-spine.yaml'), predict: false }, context);
  const later = await readFlights(server, { spine: spine('test-spine.yaml'), predict: true }, context);
  const mean = routeMeans(training);
  const baseline = later.origin.map((origin, i) => mean(origin, later.destination[i]!));
  const groups = groupByOriginAndDay(later);
  const [model, routeMean] = [later.predicted, baseline].map((predicted) => ({
    rmse: rootMeanSquare(later.delay, predicted),
    ...pairsInOrder(groups, later.delay, predicted),
  })) as [Quality & { pairs: number }, Quality & { pairs: number }];
  return {
    rows: later.delay.length,
    pairs: model.pairs,
    model: quality(model),
    routeMean: quality(routeMean),
  };
}

function quality({ rmse, pairsInOrder: inOrder }: Quality): Quality {
  return { rmse: Number(rmse.toFixed(4)), pairsInOrder: Number(inOrder.toFixed(5)) };
}

async function readFlights(
  server: Server,
  options: { spine: object; predict: boolean },
  context: CallContext,
): Promise<Flights> {
  const flights: Flights = { origin: [], destination: [], day: [], delay: [], predicted: [] };
  await asOf(
    server,
    { pipeline: 'rank-flights', ...options },
    async (blocks, { plan }) => {
      const place = (name: string): number => plan.columns.find((column) => column.name === name)!.place;
      for await (const block of blocks) {
        const column = (name: string): Column => block.frame.column(place(name));
        addBlock(flights, block, {
          origin: column('request.origin'),
          destination: column('object.destination'),
          ...(options.predict ? { predicted: column('delays.delay') } : {}),
        });
      }
    },
    context,
  );
  return flights;
}

function addBlock(
  flights: Flights,
  { frame, labels }: AsOfBlock,
  { origin, destination, predicted }: { origin: Column; destination: Column; predicted?: Column },
): void {
  const delay = labels.get('label.delay')!;
  for (let row = 0; row < frame.requests; row++) {
    flights.origin.push(origin.values[row] as string);
    flights.destination.push(destination.values[row] as string);
    flights.day.push(Math.floor(frame.time[row]! / microsPerDay));
    flights.delay.push(Number(cellAt(delay, row)));
    if (predicted !== undefined) flights.predicted.push(predicted.values[row] as number);
  }
}

function routeMeans({ origin, destination, delay }: Flights): (from: string, to: string) => number {
  const sums = new Map<string, { sum: number; count: number }>();
  let total = 0;
  delay.forEach((minutes, i) => {
    const route = `${origin[i]} ${destination[i]}`;
    const entry = sums.get(route) ?? { sum: 0, count: 0 };
    entry.sum += minutes;
    entry.count++;
    sums.set(route, entry);
    total += minutes;
  });
  return (from, to) => {
    const entry = sums.get(`${from} ${to}`);
    return entry === undefined ? total / delay.length : entry.sum / entry.count;
  };
}

function rootMeanSquare(actual: readonly number[], predicted: readonly number[]): number {
  return Math.sqrt(actual.reduce((sum, value, i) => sum + (value - predicted[i]!) ** 2, 0) / actual.length);
}

function groupByOriginAndDay({ origin, day }: Flights): readonly number[][] {
  const groups = new Map<string, number[]>();
  origin.forEach((airport, i) => {
    const key = `${airport} ${day[i]}`;
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [i]);
    else group.push(i);
  });
  return [...groups.values()];
}

function pairsInOrder(
  groups: readonly number[][],
  actual: readonly number[],
  predicted: readonly number[],
): { pairsInOrder: number; pairs: number } {
  let pairs = 0;
  let inOrder = 0;
  for (const group of groups) {
    for (let a = 0; a < group.length; a++) {
      for (let b = a + 1; b < group.length; b++) {
        const difference = actual[group[a]!]! - actual[group[b]!]!;
        if (difference === 0) continue;
        pairs++;
        const guess = predicted[group[a]!]! - predicted[group[b]!]!;
        if (guess === 0) inOrder += 0.5;
        else if (guess > 0 === difference > 0) inOrder++;
      }
    }
  }
  return { pairsInOrder: inOrder / pairs, pairs };
}
