export { callContext, makePart, startPart } from './start-part.js';
export type { StartPartOptions } from './start-part.js';
export { faulty } from './faulty.js';
export type { FaultPlan } from './faulty.js';
export type { Runner } from './runner.js';
export { keyValueStoreContract } from './key-value-store-contract.js';
export type { ContractSetup } from './runner.js';
export { onlineStoreContract } from './online-store-contract.js';
export type { OnlineStoreSetup } from './online-store-contract.js';
