import { inject, injectable, type ColumnsIn, type ColumnsOut } from 'vivace';

/** A service the team already has: who gets which discount. */
export class DiscountService {
  readonly #percent: ReadonlyMap<string, number>;

  constructor(percent: Readonly<Record<string, number>>) {
    this.#percent = new Map(Object.entries(percent));
  }

  percentFor(customer: string): number {
    return this.#percent.get(customer) ?? 0;
  }
}

/** A step of the team's own: it gets the service by injection, prices in one column and gives them back lower in another. */
@injectable()
export class Discount {
  static readonly reads = { customer: 'string', price: 'float64' } as const;
  static readonly writes = { price: 'float64' } as const;
  static readonly offline = 'same';

  readonly #discounts: DiscountService;

  constructor(@inject(DiscountService) discounts: DiscountService) {
    this.#discounts = discounts;
  }

  run(input: ColumnsIn<typeof Discount.reads>, out: ColumnsOut<typeof Discount.writes>): void {
    const customers = input.column('customer').values;
    const prices = input.column('price').values;
    const discounted = out.column('price').values;
    for (let row = 0; row < input.rows; row++) {
      discounted[row] = prices[row]! * (1 - this.#discounts.percentFor(customers[row]!) / 100);
    }
  }
}
