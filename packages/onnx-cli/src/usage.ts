import { lossNames } from '@induced-metric/onnx/adapter'
import { optimizerNames } from './optimizerChoice.js'

/** The text of `--help`. */
export const usage = `induced-onnx <command> [options]

Makes the artifacts of ONNX Runtime training of a model, and trains from them on the stock runtime. DIR is their folder.

induced-onnx generate MODEL    make training artifacts of a forward ONNX model
  -o, --output DIR             where to
  --loss NAME                  ${lossNames.join(', ')}; without one the model's first output is the loss
  --reduction mean|sum         of the loss over its elements (mean)
  --class-weights X,Y,...      of cross-entropy
  --ignore-index N             the label of cross-entropy whose examples are left out
  --labels int64|int32         the type of the labels of cross-entropy (int64)
  --trainable NAMES            parameters to train, as "head.*"; again for more (all of float or double but
                               for constants of formulas)
  --frozen NAMES               parameters not to train, likewise
  --promote-constants          constants in Constant nodes are parameters, too
  --inputs NAME=EXTENTS        declares an input anew, as x=batch,16,96, to free axes that the exporter fixed; again for others
  --loss-inputs NAMES          values of the model that the loss is computed from, separated by commas (its outputs)
  --additional-outputs NAMES   values that the training and the eval model give back beside the loss
  --optimizer NAMES            as below, or adamw for the genuine runtime's (none: train is told)
  --batch-norm MODE            training (statistics of the batch, the default) or inference (the running ones)
  --prefix NAME                what the names of the files start with
  --json                       print the summary as JSON

induced-onnx inspect MODEL     what is in a forward model, and what generate would make of it
induced-onnx inspect DIR       what is in them: inputs, parameters, operators, and what stands in the way of training
  --json                       print it as JSON

induced-onnx train DIR         train
  --data FILE                  a .npy or .csv file with a row for each example, and the numbers of all inputs side by
                               side in the order in which inspect lists them
  --data NAME=FILE             a file for the input of that name; again for each other input
  --eval-data ...              likewise, for the loss of the eval model after each epoch
  --epochs N                   times to go through the data (1)
  --batch-size N               examples in a step (32); what does not fill a batch is left out
  --seed N                     of the order of the examples (0)
  --no-shuffle                 take them as they stand in the file
  --optimizer NAMES            a base, and an embedding if you like: "adam identity" (default: what optimizer_model.onnx
                               says, or "adam identity" where there is none); or a .json file of a transformation
                               bases: ${optimizerNames.bases.join(', ')}
                               embeddings: ${optimizerNames.embeddings.join(', ')}
  --learning-rate X            (0.001 for adam and rmsprop, 0.0001 for lion, 0.01 for others)
  --xi X --beta X              of the metric; xi may be auto (the default) or rate (tied to the learning rate, for root); 0 is the
                               base alone
  --momentum X --weight-decay X --clip-norm X --floor X      floor may be follow
  --checkpoint FILE            where the training is kept (DIR/checkpoint.induced); if it is there, training goes on from it
  --restart                    start from DIR's own checkpoint even so
  --save-every N               steps between checkpoints (100); one is written after each epoch as well
  --threads N                  threads of the runtime (1)
  --log-every N                steps between lines, where there is no terminal for a bar (50)

induced-onnx export DIR        write a model for inference, with the parameters in it
  --output FILE, -o FILE       where to
  --outputs NAMES              outputs of the eval model, separated by commas (all but the first, which is the loss)
  --checkpoint FILE            whose parameters (those of a training if there was one, else DIR's own)
  --external-data              put the parameters in a file beside the model, as is done above 1 GB

induced-onnx --version prints the version.

Exit code: 0 when all went well, 1 when something failed or the model cannot be trained, 2 for a command that makes no
sense, 130 after Ctrl-C (the training is saved first).
`
