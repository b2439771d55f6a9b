"""Which test each public name of Keras has: a row, another test, or a reason why fastfit does not have the name."""

from tests import oracle

ROWS = {
    "activations": oracle.ACTIVATIONS,
    "constraints": oracle.CONSTRAINTS,
    "initializers": [*oracle.FIXED_INITIALIZERS, *oracle.RANDOM_INITIALIZERS],
    "layers": [*oracle.LAYERS, *oracle.MERGING_FUNCTIONS],
    "losses": [*oracle.LOSSES, *oracle.LOSS_FUNCTIONS],
    "metrics": [*oracle.METRICS, *oracle.METRIC_FUNCTIONS],
    "regularizers": oracle.REGULARIZERS,
}

_BACKEND = "tests/test_backend.py::test_every_name_is_tested"
_SERIAL = "tests/test_serialization.py::"
_INITIALIZERS = "tests/layers/test_initializers.py::"
_LAYERS = "tests/layers/test_layers.py::"
_FUNCTIONAL, _SEQUENTIAL = "tests/models/test_functional.py::", "tests/models/test_sequential.py::"
_CALLBACKS, _UTILS = "tests/callbacks/test_callbacks.py::", "tests/utils/test_utils.py::"
_SAVING, _FILES = "tests/callbacks/test_saving_callbacks.py::", "tests/saving/test_files.py::"
_LOGGING = "tests/utils/test_progbar.py::test_logging_instead_of_printing"

_OBJECTS = {
    "CustomObjectScope": _SERIAL + "test_scopes",
    "custom_object_scope": _SERIAL + "test_scopes",
    "deserialize_keras_object": _SERIAL + "test_plain_values",
    "get_custom_objects": _SERIAL + "test_global_custom_objects",
    "get_registered_name": _SERIAL + "test_registered_objects",
    "get_registered_object": _SERIAL + "test_registered_objects",
    "register_keras_serializable": _SERIAL + "test_registered_objects",
    "serialize_keras_object": _SERIAL + "test_plain_values",
}
_THREE = {
    "deserialize": _SERIAL + "test_round_trip",
    "get": _SERIAL + "test_get",
    "serialize": _SERIAL + "test_config_is_that_of_keras",
}
_ALIASES = _SERIAL + "test_aliases"
# Names that rows do not suit, with the test that each has.
ELSEWHERE = {
    "activations": _THREE,
    "backend": {
        name: _BACKEND
        for name in (
            "backend clear_session epsilon floatx get_uid image_data_format is_float_dtype is_int_dtype "
            "is_keras_tensor result_type set_epsilon set_floatx set_image_data_format standardize_dtype"
        ).split()
    },
    "callbacks": {
        "BackupAndRestore": "tests/callbacks/test_resume.py",
        "ModelCheckpoint": _SAVING + "test_checkpoints_as_keras",
        "RemoteMonitor": "tests/callbacks/test_remote_monitor.py",
        "SwapEMAWeights": _SAVING + "test_swap_as_keras",
        "TensorBoard": "tests/callbacks/test_tensorboard.py",
        "CSVLogger": _CALLBACKS + "test_csv_logger_as_keras",
        "Callback": _CALLBACKS + "test_train_batch_hooks_forward_to_the_old_names",
        "CallbackList": _CALLBACKS + "test_history_and_order_of_the_list",
        "EarlyStopping": _CALLBACKS + "test_early_stopping_as_keras",
        "History": _CALLBACKS + "test_history_and_order_of_the_list",
        "LambdaCallback": _CALLBACKS + "test_lambda_callback",
        "LearningRateScheduler": _CALLBACKS + "test_learning_rate_scheduler",
        "ProgbarLogger": _CALLBACKS + "test_progress_and_epoch_lines",
        "ReduceLROnPlateau": _CALLBACKS + "test_reduce_lr_as_keras",
        "TerminateOnNaN": _CALLBACKS + "test_terminate_on_nan",
    },
    "constraints": {
        **_THREE,
        **dict.fromkeys(("max_norm", "min_max_norm", "non_neg", "unit_norm"), _ALIASES),
        "Constraint": _SERIAL + "test_own_classes",
    },
    "initializers": {
        **_THREE,
        **dict.fromkeys(
            "IdentityInitializer OrthogonalInitializer STFTInitializer constant glorot_normal glorot_uniform he_normal "
            "he_uniform identity lecun_normal lecun_uniform ones orthogonal random_normal random_uniform stft "
            "truncated_normal variance_scaling zeros".split(),
            _ALIASES,
        ),
        "Initializer": _SERIAL + "test_own_classes",
        "compute_fans": _INITIALIZERS + "test_fans",
        "make_value": _INITIALIZERS + "test_arrays_and_functions_are_accepted",
    },
    "layers": {
        "Input": _FUNCTIONAL + "test_values_and_layer_order_as_keras",
        "InputLayer": _SEQUENTIAL + "test_with_input_is_built_at_once",
        "InputSpec": _LAYERS + "test_wrong_last_axis_names_the_layer",
        "Lambda": _LAYERS + "test_lambda_passes_arguments_training_and_output_shape",
        "Layer": _LAYERS + "test_own_layer_with_weights_config_and_loss",
        "deserialize": _LAYERS + "test_config_round_trip",
        "get": _LAYERS + "test_config_round_trip",
        "serialize": _LAYERS + "test_config_round_trip",
    },
    "losses": {
        **_THREE,
        "Loss": "tests/test_losses.py::test_subclass",
        "LossFunctionWrapper": "tests/test_losses.py::test_plain_numpy_loss_is_traced",
    },
    "metrics": {
        **_THREE,
        "MeanMetricWrapper": "tests/test_metrics.py::test_nested_metric_and_wrapper",
        "Metric": "tests/test_metrics.py::test_custom_metric",
    },
    "models": {
        "Model": _FUNCTIONAL + "test_values_and_layer_order_as_keras",
        "Sequential": _SEQUENTIAL + "test_values_as_keras",
        "clone_model": _FUNCTIONAL + "test_json_and_clone",
        "load_model": _FILES + "test_model_files",
        "save_model": _FILES + "test_model_files",
        "model_from_json": _FUNCTIONAL + "test_json_and_clone",
    },
    "random": {
        "SeedGenerator": _INITIALIZERS + "test_seed_generator_gives_other_values_each_time",
        **dict.fromkeys(
            "beta binomial categorical dropout gamma normal randint shuffle truncated_normal uniform".split(),
            "tests/ops/test_random.py",
        ),
    },
    "regularizers": {
        **_THREE,
        **dict.fromkeys(("l1", "l1_l2", "l2", "orthogonal_regularizer"), _ALIASES),
        "Regularizer": _SERIAL + "test_own_classes",
    },
    "saving": {
        **_OBJECTS,
        "load_model": _FILES + "test_model_files",
        "load_weights": _FILES + "test_weights_into_a_model_of_the_same_layers",
        "save_model": _FILES + "test_model_files",
        "save_weights": _FILES + "test_weights_into_a_model_of_the_same_layers",
    },
    "utils": {
        **_OBJECTS,
        "Progbar": "tests/utils/test_progbar.py::test_as_keras_on_a_terminal",
        "PyDataset": "tests/data/test_data.py",
        "Sequence": "tests/data/test_data.py",
        "clear_session": _UTILS + "test_auto_name_counts_and_clear_session_resets",
        "disable_interactive_logging": _LOGGING,
        "enable_interactive_logging": _LOGGING,
        "is_interactive_logging_enabled": _LOGGING,
        "normalize": _UTILS + "test_normalize_as_keras",
        "pack_x_y_sample_weight": _UTILS + "test_tuples_of_data",
        "set_random_seed": _UTILS + "test_seed_stream",
        "standardize_dtype": "tests/test_backend.py::test_standardize_dtype_as_keras",
        "to_categorical": _UTILS + "test_to_categorical_as_keras",
        "unpack_x_y_sample_weight": _UTILS + "test_tuples_of_data",
    },
}


def _reasons(*groups):
    return {name: reason for reason, names in groups for name in names.split()}


_LATER = "for dense networks, and not made yet"
_MEDIA = "for images, text, sound or video"
# Names that fastfit does not have, each with the reason.
EXCEPTIONS = {
    "callbacks": _reasons(
        ("writes the files of another library", "OrbaxCheckpoint"),
    ),
    "layers": _reasons(
        (
            _LATER,
            "CategoryEncoding Discretization Dot "
            "EinsumDense Embedding GlobalAveragePooling1D GlobalAvgPool1D "
            "GlobalMaxPool1D GlobalMaxPooling1D HashedCrossing Hashing IntegerLookup "
            "Masking Normalization Pipeline Rescaling "
            "ReversibleEmbedding SpectralNormalization StringLookup TimeDistributed "
            "Wrapper dot",
        ),
        (
            "convolutions and pooling over space",
            "AdaptiveAveragePooling1D AdaptiveAveragePooling2D AdaptiveAveragePooling3D AdaptiveMaxPooling1D "
            "AdaptiveMaxPooling2D AdaptiveMaxPooling3D AveragePooling1D AveragePooling2D AveragePooling3D AvgPool1D "
            "AvgPool2D AvgPool3D Conv1D Conv1DTranspose Conv2D Conv2DTranspose Conv3D Conv3DTranspose Convolution1D "
            "Convolution1DTranspose Convolution2D Convolution2DTranspose Convolution3D Convolution3DTranspose "
            "Cropping1D Cropping2D Cropping3D DepthwiseConv1D DepthwiseConv2D GlobalAveragePooling2D "
            "GlobalAveragePooling3D GlobalAvgPool2D GlobalAvgPool3D GlobalMaxPool2D GlobalMaxPool3D "
            "GlobalMaxPooling2D GlobalMaxPooling3D MaxPool1D MaxPool2D MaxPool3D MaxPooling1D MaxPooling2D "
            "MaxPooling3D SeparableConv1D SeparableConv2D SeparableConvolution1D SeparableConvolution2D "
            "SpatialDropout2D SpatialDropout3D UpSampling1D UpSampling2D UpSampling3D ZeroPadding1D ZeroPadding2D "
            "ZeroPadding3D",
        ),
        (
            "recurrence and attention",
            "AdditiveAttention Attention Bidirectional ConvLSTM1D ConvLSTM2D ConvLSTM3D GRU GRUCell "
            "GroupQueryAttention LSTM LSTMCell MultiHeadAttention RNN SimpleRNN SimpleRNNCell StackedRNNCells",
        ),
        (
            _MEDIA,
            "AugMix AutoContrast CenterCrop ContrastLimitedAdaptiveHistogramEqualization CutMix Equalization "
            "MaxNumBoundingBoxes MelSpectrogram MixUp RandAugment RandomBrightness RandomColorDegeneration "
            "RandomColorJitter RandomContrast RandomCrop RandomElasticTransform RandomErasing RandomFlip "
            "RandomGaussianBlur RandomGrayscale RandomHue RandomInvert RandomPerspective RandomPosterization "
            "RandomRotation RandomSaturation RandomSharpness RandomShear RandomTranslation RandomZoom Resizing "
            "STFTSpectrogram Solarization TextVectorization",
        ),
        ("layers of other frameworks", "FlaxLayer JaxLayer TFSMLayer TorchModuleWrapper"),
    ),
    "losses": _reasons(("for sequences of speech, whose alignment is not dense arithmetic", "CTC ctc")),
    "saving": _reasons(("edits files by hand", "KerasFileEditor")),
    "utils": _reasons(
        (
            _MEDIA,
            "array_to_img audio_dataset_from_directory image_dataset_from_directory img_to_array load_img save_img "
            "text_dataset_from_directory",
        ),
        (_LATER, "Config FeatureSpace get_file get_source_inputs pad_sequences split_dataset "
                 "timeseries_dataset_from_array"),
        ("draws with an external program", "model_to_dot plot_model"),
        ("fastfit.backend has it: fastfit.utils knows no tensors", "is_keras_tensor"),
    ),
}  # fmt: skip

MODULES = sorted({*ROWS, *ELSEWHERE, *EXCEPTIONS})


def problems(module, theirs, ours):
    """Return what is wrong with the tests of a module's names, as lines of text.

    Parameters
    ----------
    module : str
        Such as "losses".
    theirs, ours : iterable of str
        The public names in Keras and in fastfit.
    """
    theirs, ours = set(theirs), set(ours)
    rows = {row.name for row in ROWS.get(module, ())}
    elsewhere, exceptions = set(ELSEWHERE.get(module, ())), set(EXCEPTIONS.get(module, ()))
    checks = {
        "in Keras, without row, test or reason": theirs - rows - elsewhere - exceptions,
        "in fastfit, without row or test": ours - rows - elsewhere,
        "a row or test, but not in fastfit": (rows | elsewhere) - ours,
        "left out with a reason, but there: give it a row": exceptions & ours,
        "left out with a reason, but Keras has no such name": exceptions - theirs,
        "both a row and a test elsewhere": rows & elsewhere,
    }
    return [f"{module}.{name}: {text}" for text, names in checks.items() for name in sorted(names)]
