import { lossNames } from '@induced-metric/onnx/adapter'
import { optimizerNames } from './optimizerChoice.js'

/** Names in lines of the width of the other lines. */
function wrapped(names: readonly string[]): string {
  const lines: string[] = []
  for (const name of names) {
    const last = lines.at(-1)
    if (last !== undefined && last.length + name.length < 85) lines[lines.length - 1] = `${last}, ${name}`
    else lines.push(name)
  }
  return lines.map((line) => `                                 ${line}`).join(',\n')
}

/** The text of `--help`. */
export const usage = `induced-onnx <command> [options]

Generates training artifacts of ONNX Runtime from a model, and trains from them on the stock runtime. DIR is their folder.

induced-onnx generate MODEL    generate training artifacts from a forward ONNX model
  -o, --output DIR             the folder to write
  --loss NAME                  ${lossNames.join(', ')}; without one the model's first output is the loss
  --reduction mean|sum         of the loss over its elements (mean)
  --class-weights X,Y,...      of cross-entropy
  --ignore-index N             the label of cross-entropy whose examples are ignored
  --labels int64|int32         the type of the labels of cross-entropy (int64)
  --trainable NAMES            parameters to train, as "head.*"; repeat it for more (default: all of float or
                               double except constants of formulas)
  --frozen NAMES               parameters not to train, in the same form
  --promote-constants          constants in Constant nodes are parameters, too (where there are no others they are
                               anyway)
  --inputs NAME=EXTENTS        new extents of an input, as x=batch,16,96, to free axes that the exporter fixed;
                               repeat it for others
  --bind NAME=VALUE            a fixed value of an input, as sr=16000, which may decide branches; repeat it for others
  --loss-inputs NAMES          values of the model that the loss is computed from, separated by commas (its outputs)
  --additional-outputs NAMES   values that the training and the eval model return besides the loss
  --optimizer NAMES            as below, but adamw alone is the genuine runtime's (default: none, to be given to train)
  --batch-norm MODE            training (statistics of the batch, the default) or inference (the running ones)
  --prefix NAME                the start of the files' names
  --json                       print the summary as JSON

induced-onnx inspect MODEL     the contents of a forward model, and the artifacts that generate would write
induced-onnx inspect DIR       the contents of artifacts: inputs, parameters, operators, and obstacles to training
  --json                       print it as JSON

induced-onnx train DIR         train from artifacts
  --data FILE                  a .npy or .csv file with one row per example: the numbers of all inputs side by side,
                               in the order in which inspect lists them
  --data NAME=FILE             a file for the input of that name; repeat it for each other input
  --eval-data ...              in the same form, for the loss of the eval model after each epoch
  --epochs N                   passes through the data (1)
  --batch-size N               examples per step (32); an incomplete last batch is left out
  --seed N                     the seed of the examples' order (0)
  --no-shuffle                 keep the order of the file
  --optimizer NAMES            a base and, optionally, an embedding: "adam identity"; or a .json file of a
                               transformation (default: the one of optimizer_model.onnx, or "adam identity")
                               bases:
${wrapped(optimizerNames.bases)}
                               embeddings: ${optimizerNames.embeddings.join(', ')}
  --set NAME=VALUE             a hyperparameter of the base, as beta2=0.99; repeat it for others
  --learning-rate X            (0.001 for adam, adamw and rmsprop, 0.0001 for lion, 0.01 for others)
  --xi X --beta X              of the metric; xi may be auto (the default) or rate (tied to the learning rate, for root);
                               0 is the base alone
  --momentum X --weight-decay X --floor X                    floor may be follow
  --clip-norm X --clip-value X --accumulate N                limits of the gradient; batches per update
  --checkpoint FILE            the file of the training (DIR/checkpoint.induced); if it exists, training continues from it
  --restart                    start from DIR's own checkpoint nevertheless
  --save-every N               steps between checkpoints (100); each epoch ends with one, too
  --threads N                  threads of the runtime (1)
  --log-every N                steps between lines, if there is no terminal for a bar (50)

induced-onnx export DIR        write a model for inference, with the parameters in it
  --output FILE, -o FILE       the file to write
  --outputs NAMES              outputs of the eval model, separated by commas (all but the first, which is the loss)
  --checkpoint FILE            the parameters' source (default: the training if there was one, otherwise DIR's own)
  --external-data              put the parameters in a file beside the model (default above 1 GB)

induced-onnx finetune DIR      fine-tune a model in the layout of Transformers.js: config.json, tokenizer.json, onnx/model.onnx
  --data FILE                  .jsonl, an example per line: {"text", "label"} for a classifier; {"text"},
                               {"prompt", "completion"} or {"messages"} for a language model; repeat it for more
  --eval-data FILE             in the same form, for the loss before and after
  -o, --output DIR             the folder to write, which pipeline() reads
  --dtype NAME                 the variant of the weights: fp32 (default), q8, q4, ...
  --task NAME                  text-classification or text-generation (default: what the model was made for)
  --labels NAMES               of a classifier, in their order, separated by commas (default: those of the examples)
  --problem NAME               single_label_classification, multi_label_classification or regression
  --pooling mean|first         of the tokens, where a classifier is built on a model without a head (mean)
  --lora rank=N,alpha=X,targets=GLOB   the low-rank adapters (rank=8); none trains all parameters
  --epochs N (3)  --batch-size N (8)  --max-length N  --seed N (0)  --threads N (1)  --log-every N (10)
  --optimizer NAMES ...        as above (default: adam root at a learning rate of 0.01, with xi tied to the rate)

induced-onnx --version prints the version.

Exit code: 0 on success, 1 if something failed or the model cannot be trained, 2 for a command that makes no
sense, 130 after Ctrl-C (the training is saved first).
`
