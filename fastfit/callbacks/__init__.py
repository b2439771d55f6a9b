"""Callbacks, under Keras's names."""

from fastfit.callbacks.backup_and_restore import BackupAndRestore as BackupAndRestore
from fastfit.callbacks.callback import Callback as Callback
from fastfit.callbacks.callback_list import CallbackList as CallbackList
from fastfit.callbacks.csv_logger import CSVLogger as CSVLogger
from fastfit.callbacks.early_stopping import EarlyStopping as EarlyStopping
from fastfit.callbacks.history import History as History
from fastfit.callbacks.lambda_callback import LambdaCallback as LambdaCallback
from fastfit.callbacks.learning_rate_scheduler import LearningRateScheduler as LearningRateScheduler
from fastfit.callbacks.model_checkpoint import ModelCheckpoint as ModelCheckpoint
from fastfit.callbacks.progbar_logger import ProgbarLogger as ProgbarLogger
from fastfit.callbacks.reduce_lr_on_plateau import ReduceLROnPlateau as ReduceLROnPlateau
from fastfit.callbacks.remote_monitor import RemoteMonitor as RemoteMonitor
from fastfit.callbacks.swap_ema_weights import SwapEMAWeights as SwapEMAWeights
from fastfit.callbacks.tensorboard import TensorBoard as TensorBoard
from fastfit.callbacks.terminate_on_nan import TerminateOnNaN as TerminateOnNaN
from fastfit.utils.suggestions import unknown_attribute

__getattr__ = unknown_attribute(__name__, globals())
