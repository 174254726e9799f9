import { concat, integer, message, packedFloats, packedIntegers, text, type Field } from './protobuf.js';
import { randomNumbers } from './random.js';

/** AttributeProto.AttributeType. */
const kinds = { integer: 2, floats: 6, integers: 7, strings: 8 } as const;
const float32 = 1;

/**
 * An ONNX file with a gradient boosting of random, full trees: input `features` [N, features], output `delay` [N, 1]. The same arguments
 * give the same bytes. Thresholds lie in the range of the features, [0, 1), so that rows take different ways.
 *
 * @see https://github.com/onnx/onnx/blob/main/docs/Operators-ml.md#ai.onnx.ml.TreeEnsembleRegressor
 * @see https://github.com/onnx/onnx/blob/main/onnx/onnx.proto
 */
export function treeModel({
  features,
  trees,
  depth,
}: {
  features: number;
  trees: number;
  depth: number;
}): Uint8Array {
  const random = randomNumbers(features * 1_000_003 + trees * 1009 + depth);
  const nodes = { tree: [] as number[], node: [] as number[], feature: [] as number[], mode: [] as string[] };
  const next = { value: [] as number[], yes: [] as number[], no: [] as number[] };
  const leaves = { tree: [] as number[], node: [] as number[], weight: [] as number[] };
  const inner = 2 ** depth - 1;
  for (let tree = 0; tree < trees; tree++) {
    for (let node = 0; node < inner * 2 + 1; node++) {
      const branches = node < inner;
      nodes.tree.push(tree);
      nodes.node.push(node);
      nodes.feature.push(branches ? Math.floor(random() * features) : 0);
      nodes.mode.push(branches ? 'BRANCH_LEQ' : 'LEAF');
      next.value.push(branches ? random() : 0);
      next.yes.push(branches ? node * 2 + 1 : 0);
      next.no.push(branches ? node * 2 + 2 : 0);
      if (branches) continue;
      leaves.tree.push(tree);
      leaves.node.push(node);
      leaves.weight.push(random() - 0.5);
    }
  }
  const ensemble = [
    text(1, 'features'),
    text(2, 'delay'),
    text(4, 'TreeEnsembleRegressor'),
    text(7, 'ai.onnx.ml'),
    attribute('n_targets', kinds.integer, [integer(3, 1)]),
    integers('nodes_treeids', nodes.tree),
    integers('nodes_nodeids', nodes.node),
    integers('nodes_featureids', nodes.feature),
    attribute(
      'nodes_modes',
      kinds.strings,
      nodes.mode.map((mode) => text(9, mode)),
    ),
    floats('nodes_values', next.value),
    integers('nodes_truenodeids', next.yes),
    integers('nodes_falsenodeids', next.no),
    integers('target_treeids', leaves.tree),
    integers('target_nodeids', leaves.node),
    integers(
      'target_ids',
      leaves.tree.map(() => 0),
    ),
    floats('target_weights', leaves.weight),
  ];
  const graph = [
    message(1, ensemble),
    text(2, 'trees'),
    tensor(11, 'features', features),
    tensor(12, 'delay', 1),
  ];
  const operators = (domain: string, version: number): Field =>
    message(8, [text(1, domain), integer(2, version)]);
  return concat([integer(1, 8), message(7, graph), operators('', 17), operators('ai.onnx.ml', 3)]);
}

function attribute(name: string, kind: number, values: readonly Field[]): Field {
  return message(5, [text(1, name), ...values, integer(20, kind)]);
}

function integers(name: string, values: readonly number[]): Field {
  return attribute(name, kinds.integers, [packedIntegers(8, values)]);
}

function floats(name: string, values: readonly number[]): Field {
  return attribute(name, kinds.floats, [packedFloats(7, values)]);
}

/** A ValueInfoProto [rows, width]. */
function tensor(field: number, name: string, width: number): Field {
  const shape = message(2, [message(1, [text(2, 'rows')]), message(1, [integer(1, width)])]);
  return message(field, [text(1, name), message(2, [message(1, [integer(1, float32), shape])])]);
}
