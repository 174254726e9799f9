import type { ListOptions } from '../actions/models.js';
import type { AddOptions } from '../add-model.js';
import { defaultFile, type WithJson } from '../options.js';
import type { AddCommand } from '../run.js';

const addHelp = `
The names, types and shapes of the tensors come from an .onnx file itself, and files in which it keeps weights are taken along; a .js or .mjs file needs --signature, a JSON file
{"inputs": [{"name", "datatype", "shape", "columns"?}], "outputs": [{"name", "datatype", "shape"}], "over"?: "row" | "request"}.

The columns that fill an input come from --columns or, where a pipeline names them, from its predict.inputs. They are checked against
every pipeline that will use the model before anything is written.

Examples:
  vivace models add iris.onnx --name iris --columns request.sepal_length,request.sepal_width
  vivace models add ranker.onnx --name ranker --columns dense=here.a,there.a --columns ids=object.id --alias challenger
  vivace models add delays.onnx --name delays --version 2 --training-set train.parquet.manifest.json --info metrics.json
  vivace models add score.mjs --name score --signature score.json`;

const aliasHelp = `
Servers follow an alias by themselves. To roll back, point it at the version before; vivace models list says which there are.

Examples:
  vivace models alias iris champion 1
  vivace models alias iris challenger 2`;

const listHelp = `
Examples:
  vivace models list
  vivace models list iris
  vivace models list --repository models`;

export const addModels: AddCommand = (command, run) => {
  command
    .command('add')
    .argument('<file>', 'the model: .onnx, .js or .mjs')
    .description('add a version of a model, and point an alias at it')
    .requiredOption('--name <name>', 'name of the model')
    .option('-c, --config <file>', 'the configuration', defaultFile)
    .option('--version <version>', 'default: the next whole number')
    .option(
      '--columns <names>',
      'ordered columns that fill the input, with commas; for several inputs <tensor>=<names>, repeated',
      gather,
      [],
    )
    .option('--alias <alias>', 'alias to point at the version', 'champion')
    .option('--no-alias', 'point no alias at it')
    .option('--signature <file>', 'the signature as JSON, for files that do not hold it')
    .option(
      '--training-set <file>',
      'manifest of the training set: its id and the versions of its views are kept',
    )
    .option('--info <file>', 'a JSON object to keep with the model, such as its metrics')
    .option('--repository <part>', 'the model-repository part; default: the only one')
    .option('--json', 'print name, version and alias as JSON')
    .addHelpText('after', addHelp)
    .action(async (file: string, options: AddOptions & WithJson) =>
      (await import('../actions/models.js')).add(file, options, run),
    );
  command
    .command('alias')
    .argument('<name>', 'the model')
    .argument('<alias>', 'the alias, such as champion')
    .argument('<version>', 'the version that it shall point at')
    .description('point an alias at a version, forth or back')
    .option('-c, --config <file>', 'the configuration', defaultFile)
    .option('--repository <part>', 'the model-repository part; default: the only one')
    .option('--json', 'print name, version, alias and the version before as JSON')
    .addHelpText('after', aliasHelp)
    .action(async (name: string, alias: string, version: string, options: ListOptions) =>
      (await import('../actions/models.js')).alias({ name, alias, version }, options, run),
    );
  command
    .command('list')
    .argument('[name]', 'only versions of this model')
    .description('list models, versions and aliases')
    .option('-c, --config <file>', 'the configuration', defaultFile)
    .option('--repository <part>', 'the model-repository part; default: the only one')
    .option('--json', 'print a JSON list of name, version and aliases')
    .addHelpText('after', listHelp)
    .action(async (name: string | undefined, options: ListOptions) =>
      (await import('../actions/models.js')).list(name, options, run),
    );
};

function gather(value: string, before: readonly string[]): string[] {
  return [...before, value];
}
