import { ContainerModule, createServer, definePipeline, type PartDeclaration, type ServerOf } from 'vivace';
import { Discount, DiscountService } from './discount.js';

const prices = definePipeline({
  request: { customer: 'string' },
  objects: { fields: { product: 'string' } },
  steps: [
    { fetch: 'product_price', as: 'list', key: { product: 'object.product' } },
    { step: Discount, as: 'final', inputs: { customer: 'request.customer', price: 'list.price' } },
  ],
  response: { outputs: { price: 'final.price' }, orderBy: 'price' },
});

/** The shop's server. A test passes `override: { hot: { use: memory } }` and needs no disk. */
export function createShop(
  directory: string,
  override: Readonly<Record<string, PartDeclaration>> = {},
): Promise<ServerOf<{ prices: typeof prices }>> {
  return createServer({
    directory,
    parts: {
      hot: { use: 'lmdb', path: './prices' },
      online: { use: 'online-store', store: 'hot' },
    },
    views: {
      product_price: {
        store: 'online',
        entity: { product: 'string' },
        features: { price: { type: 'float64', unit: 'EUR', default: 0 } },
      },
    },
    pipelines: { prices },
    modules: [
      new ContainerModule(({ bind }) => {
        bind(DiscountService).toConstantValue(new DiscountService({ ada: 10 }));
      }),
    ],
    override,
  });
}
