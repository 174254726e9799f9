import type {
  CollectCommandOptions,
  ListOptions,
  MoveOptions,
  PullOptions,
  ReadOptions,
} from '../actions/models.js';
import type { PushOptions } from '../push-model.js';
import type { WithJson } from '../options.js';
import type { AddCommand } from '../run.js';
import { addReloadModels } from './reload-models.js';

const pushHelp = `
The model is a file, several files, or a folder. Which runtime hosts it is what --runtime, model.yaml or its name say: .onnx, .js, .mjs, .py (predictor.py in a
folder), .joblib, .ubj, and boosters of LightGBM (.txt) and XGBoost (.json).

Inputs and outputs come from the first of these that says them: --columns and --outputs, signature.json and model.yaml in the folder, --training-set, the model
file itself (ONNX, scikit-learn, LightGBM, XGBoost). Where two of them disagree, the error names both. signature.json, or the file of --signature, is
{"inputs": [{"name", "datatype", "shape", "columns"?}], "outputs": [{"name", "datatype", "shape"}], "over"?: "row" | "request"}.

A model in Python is checked first, as python -m vivace_wrapper check does: it is loaded, asked its self-test and timed, by the interpreter of the python part in the
configuration, or else by python3. Where that fails, nothing is pushed.

With a configuration, columns are checked against every pipeline that will use the model before anything is written; with --to there is none. A push that broke off is
repeated with the same command: what is there is verified and not sent again.

Examples:
  vivace models push iris.onnx --name iris --columns request.sepal_length,request.sepal_width
  vivace models push ranker.onnx --name ranker --columns dense=here.a,there.a --columns ids=object.id --alias challenger
  vivace models push delays/ --name delays --training-set train.parquet.manifest.json --info metrics.json
  vivace models push score.mjs --name score --signature score.json
  vivace models push model.joblib --name iris --columns a,b,c --outputs label:INT64,probabilities:FP32[-1,3] --to gs://models/production`;

const listHelp = `
Examples:
  vivace models list
  vivace models list iris
  vivace models list --from s3://models/production`;

const showHelp = `
Examples:
  vivace models show iris
  vivace models show iris@3 --json`;

const pullHelp = `
The folder gets the repository's own layout, so a server may use it as its repository: filesystem, path: the folder. What is there already is verified and not fetched
again; the alias moves last.

Examples:
  vivace models pull iris --to /models
  vivace models pull iris@3 --from gs://models/production --to ./models`;

const promoteHelp = `
Servers follow an alias by themselves. A version whose inputs, outputs or views differ from those of the version that the alias has is refused, because running servers
would refuse it: --incompatible moves the alias all the same.

Examples:
  vivace models promote iris@3
  vivace models promote iris@challenger --note "better on last week"
  vivace models promote iris@3 --alias challenger`;

const rollbackHelp = `
Done again it goes further back: it never comes forth.

Examples:
  vivace models rollback iris
  vivace models rollback iris@challenger --note "slow"
  vivace models rollback iris --version 2`;

const diffHelp = `
Examples:
  vivace models diff iris@2 iris@3
  vivace models diff iris@champion iris@challenger`;

const verifyHelp = `
Reads every file. The exit code is 3 where a version is damaged or made by a newer Vivace, or an alias points nowhere; what is left over of a push that broke off is only listed.

Examples:
  vivace models verify
  vivace models verify iris --from gs://models/production`;

const gcHelp = `
A version stays that is one of the newest, that an alias or one of the last 20 moves of an alias names, or that --protect names. It cannot know which versions
deployments name: protect those. Versions that do not say when they were pushed count as new.

Examples:
  vivace models gc --dry-run
  vivace models gc iris --keep 10 --older-than 30d --protect iris@3`;

export const addModels: AddCommand = (command, run) => {
  const actions = async () => import('../actions/models.js');
  /** A command with the options that say which repository it is about. */
  const leaf = (name: string, description: string, place = '--from <place>'): typeof command =>
    command
      .command(name)
      .description(description)
      .option('-c, --config <file>', 'the configuration; default: vivace.yaml')
      .option('--repository <part>', 'the model-repository part; default: the only one')
      .option(
        place,
        'instead of a configuration: gs://bucket/prefix, s3://bucket/prefix or a directory that is a repository',
      );

  leaf('push', 'push a version of a model, and point an alias at it', '--to <place>')
    .argument('[files...]', 'the model: a file, several, or the folder of all its files')
    .requiredOption('--name <name>', 'name of the model')
    .option('--version <version>', 'default: the next whole number')
    .option('--runtime <kind>', 'the kind of runtime that hosts it; default: as model.yaml or its name says')
    .option(
      '--remote <model>',
      'instead of files: a model that a remote-model part reaches, name or name@version',
    )
    .option('--entry <file>', 'the file of a folder that the runtime loads')
    .option(
      '--columns <names>',
      'ordered columns that fill the input, with commas; for several inputs <tensor>=<names>, repeated',
      gather,
      [],
    )
    .option(
      '--outputs <names>',
      'outputs with commas: score, label:INT64, probabilities:FP32[-1,3]; default for a model that does not say: score',
      gather,
      [],
    )
    .option('--alias <alias>', 'alias to point at the version', 'champion')
    .option('--no-alias', 'point no alias at it')
    .option('--incompatible', 'also where servers that follow the alias would refuse the version')
    .option('--no-check', 'push a model in Python without loading, testing and timing it')
    .option('--note <text>', 'why, for the history of the alias')
    .option('--signature <file>', 'the signature as JSON, for models that do not hold it')
    .option(
      '--training-set <file>',
      'manifest of the training set, which is kept with its id and the versions of its views',
    )
    .option('--info <file>', 'a JSON object to keep with the model, such as its metrics')
    .option('--json', 'print name, version, alias and what the check found as JSON')
    .addHelpText('after', pushHelp)
    .action(async (files: string[], options: PushOptions & WithJson) =>
      (await actions()).push(files, options, run),
    );
  leaf('list', 'list models, versions and aliases')
    .argument('[name]', 'only versions of this model')
    .option('--json', 'print a JSON list of name, version and aliases')
    .addHelpText('after', listHelp)
    .action(async (name: string | undefined, options: ListOptions) =>
      (await actions()).list(name, options, run),
    );
  leaf('show', 'show a version: its tensors, files, aliases and their history')
    .argument('<model>', 'name, name@alias or name@version')
    .option('--json', 'print manifest, aliases and histories as JSON')
    .addHelpText('after', showHelp)
    .action(async (model: string, options: ReadOptions) => (await actions()).show(model, options, run));
  leaf(
    'pull',
    'copy a version, and the alias that names it, to a folder that a server may use as its repository',
  )
    .argument('<model>', 'name, name@alias or name@version')
    .requiredOption('--to <place>', 'the folder; or gs://bucket/prefix, s3://bucket/prefix')
    .option('--json', 'print name, version, alias and place as JSON')
    .addHelpText('after', pullHelp)
    .action(async (model: string, options: PullOptions) => (await actions()).pull(model, options, run));
  leaf('promote', 'point an alias at a version')
    .argument('<model>', 'name@version, or name@alias for the version that another alias has')
    .option('--alias <alias>', 'the alias to move', 'champion')
    .option('--note <text>', 'why, for the history of the alias')
    .option('--incompatible', 'also where servers that follow the alias would refuse the version')
    .option('--json', 'print name, version, alias and the version before as JSON')
    .addHelpText('after', promoteHelp)
    .action(async (model: string, options: MoveOptions) => (await actions()).promote(model, options, run));
  leaf('rollback', 'point an alias at the version that it had before')
    .argument('<model>', 'name for its champion, or name@alias')
    .option('--version <version>', 'one of its earlier versions; default: the last of them')
    .option('--note <text>', 'why, for the history of the alias')
    .option('--incompatible', 'also where servers that follow the alias would refuse the version')
    .option('--json', 'print name, version, alias and the version before as JSON')
    .addHelpText('after', rollbackHelp)
    .action(async (model: string, options: MoveOptions) => (await actions()).rollback(model, options, run));
  leaf('diff', 'show what differs between two versions')
    .argument('<from>', 'name, name@alias or name@version')
    .argument('<to>', 'the version that would take its place')
    .option('--json', 'print the differences as JSON')
    .addHelpText('after', diffHelp)
    .action(async (from: string, to: string, options: ReadOptions) =>
      (await actions()).diff({ from, to }, options, run),
    );
  leaf('verify', 'read everything, and compare it with the manifests')
    .argument('[name]', 'only this model')
    .option('--json', 'print what was read and found as JSON')
    .addHelpText('after', verifyHelp)
    .action(async (name: string | undefined, options: ReadOptions) =>
      (await actions()).verify(name, options, run),
    );
  leaf('gc', 'remove old versions that no alias names')
    .argument('[name]', 'only this model')
    .option('--keep <count>', 'how many of the newest versions of each model stay in any case', '10')
    .option('--older-than <duration>', 'only versions that were pushed longer ago: 30d, 12h, 90m', '30d')
    .option('--protect <model>', 'a version that stays, name@version; may be repeated', gather, [])
    .option('--dry-run', 'say what would go, and remove nothing')
    .option('--json', 'print a JSON list of name, version and bytes')
    .addHelpText('after', gcHelp)
    .action(async (name: string | undefined, options: CollectCommandOptions) =>
      (await actions()).gc(name, options, run),
    );
  addReloadModels(command, run);
};

function gather(value: string, before: readonly string[]): string[] {
  return [...before, value];
}
