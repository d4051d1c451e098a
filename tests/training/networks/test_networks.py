"""Parameters and multiply-adds against published numbers; shapes of the outputs."""

import pytest
import torch
from torch import nn

from training.networks.correspondence_net import CorrespondenceNet
from training.networks.cost import count_multiply_adds, count_parameters
from training.networks.layers import scaled_width
from training.networks.mobilenet_v1 import MobileNetV1
from training.networks.mobilenet_v2 import MobileNetV2
from training.networks.mobilenet_v3 import MobileNetV3
from training.networks.resnet import ResNet, ResNet22, ResNetTrunk

CLASSES = {"classes": 1000}
PARAMETERS = {"parameters": 62}


def test_tddfa_v2s_mobilenet() -> None:
    """3.27 M parameters; 177.4 M multiply-adds of convolutions and fc at 120 px (table 5 counts 183.5 M)."""
    network = MobileNetV1(PARAMETERS)
    assert count_parameters(network) == 3_270_526
    assert count_multiply_adds(network, torch.zeros(1, 3, 120, 120)) == 177_436_800
    # Table 5: 1.86 M for three quarters of the width.
    assert round(count_parameters(MobileNetV1(PARAMETERS, 0.75)) / 1e6, 2) == 1.86


def test_tddfa_v2s_resnet_22() -> None:
    """18.45 M parameters and 2,663 M multiply-adds in table 5, which counts other layers too."""
    network = ResNet22(PARAMETERS)
    assert round(count_parameters(network) / 1e6, 2) == 18.45
    assert count_multiply_adds(network, torch.zeros(1, 3, 120, 120)) == pytest.approx(2663e6, rel=0.01)


def test_tddfa_v2s_mobilenet_v3() -> None:
    """1.65 M parameters in table 5 at half the width, with the landmark head."""
    network = MobileNetV3({**PARAMETERS, "landmarks": 136}, 0.5)
    assert count_parameters(network) / 1e6 == pytest.approx(1.65, abs=0.01)


@pytest.mark.parametrize(
    ("network", "parameters", "multiply_adds"),
    [
        (MobileNetV1(CLASSES), 4_231_976, 568.7e6),
        (MobileNetV2(CLASSES), 3_504_872, 300.8e6),
        (MobileNetV3(CLASSES), 5_483_032, 216.6e6),
        (MobileNetV3(CLASSES, variant="small"), 2_542_856, 56.5e6),
        (ResNet(CLASSES, 18), 11_689_512, 1814e6),
        (ResNet(CLASSES, 50), 25_557_032, 4089e6),
        (ResNet(CLASSES, 101), 44_549_160, 7801e6),
    ],
    ids=["v1", "v2", "v3 large", "v3 small", "resnet 18", "resnet 50", "resnet 101"],
)
def test_published_networks(network: nn.Module, parameters: int, multiply_adds: float) -> None:
    """Numbers that the networks' authors and the usual libraries give for 1,000 classes at 224 px."""
    assert count_parameters(network) == parameters
    assert count_multiply_adds(network, torch.zeros(1, 3, 224, 224)) == pytest.approx(multiply_adds, rel=1e-3)


def test_dilation_keeps_resolution_and_weights() -> None:
    """densereg: stride 8, dilation 2 and 4 in the last stages; the same weights as without."""
    coarse, fine = ResNetTrunk(50), ResNetTrunk(50, output_stride=8)
    assert count_parameters(coarse) == count_parameters(fine)
    picture = torch.zeros(1, 3, 65, 65)
    assert fine(picture).shape == (1, 2048, 9, 9)
    assert coarse(picture).shape == (1, 2048, 3, 3)
    dilations = [
        layer.dilation for layer in fine.modules() if isinstance(layer, nn.Conv2d) and layer.kernel_size[0] > 1
    ]
    assert dilations[-3:] == [(4, 4)] * 3 and (2, 2) in dilations


def test_the_cost_of_layers_by_hand() -> None:
    assert count_multiply_adds(nn.Conv2d(3, 8, 3, padding=1, groups=1), torch.zeros(2, 3, 5, 7)) == 2 * 35 * 8 * 27
    assert count_multiply_adds(nn.Conv2d(4, 4, 3, groups=4), torch.zeros(1, 4, 5, 5)) == 9 * 4 * 9
    assert count_multiply_adds(nn.ConvTranspose2d(3, 8, 4, 2, 1), torch.zeros(1, 3, 5, 5)) == 3 * 25 * 8 * 16
    assert count_multiply_adds(nn.Linear(10, 3), torch.zeros(2, 10)) == 60


@pytest.mark.parametrize(
    ("channels", "width", "expected"), [(32, 0.5, 16), (32, 0.35, 16), (24, 1.0, 24), (17, 1.0, 16)]
)
def test_widths_are_multiples_of_eight(channels: int, width: float, expected: int) -> None:
    assert scaled_width(channels, width, 8) == expected


def test_heads_share_the_features() -> None:
    network = MobileNetV1({"parameters": 62, "landmarks": 136}, 0.25).eval()
    found = network(torch.rand(2, 3, 120, 120))
    assert {name: tuple(output.shape) for name, output in found.items()} == {
        "parameters": (2, 62),
        "landmarks": (2, 136),
    }


def test_dfcs_network_has_the_layers_of_the_paper() -> None:
    network = CorrespondenceNet()
    encoder = [layer for layer in network.encoder.modules() if isinstance(layer, nn.Conv2d)]
    assert [layer.stride[0] for layer in encoder] == [1, 2] * 4
    for head, convolutions in ((network.flow, 4 * 2 + 3), (network.matchability, 4 * 2 + 1)):
        layers = [type(layer) for layer in head.modules() if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d)]
        assert layers[:12] == [nn.Conv2d, nn.Conv2d, nn.ConvTranspose2d] * 4
        assert layers.count(nn.Conv2d) == convolutions
    flow, matchability = network(torch.rand(2, 3, 64, 64), torch.rand(2, 3, 64, 64))
    assert flow.shape == matchability.shape == (2, 2, 64, 64)


def test_a_fixed_target_is_encoded_once() -> None:
    torch.manual_seed(0)
    network = CorrespondenceNet((4, 8, 8, 8)).eval()
    sources, target = torch.rand(3, 3, 32, 32), torch.rand(1, 3, 32, 32)
    together = network(sources, target.expand(3, -1, -1, -1))
    cached = network.decode(network.encoder(sources), network.encode_target(target))
    for first, second in zip(together, cached, strict=True):
        torch.testing.assert_close(first, second)


def test_unsharing_begins_with_a_copy() -> None:
    torch.manual_seed(0)
    network = CorrespondenceNet((4, 8, 8, 8))
    pictures = torch.rand(2, 3, 32, 32), torch.rand(2, 3, 32, 32)
    before, parameters = network(*pictures)[0], count_parameters(network)
    network.unshare()
    torch.testing.assert_close(network(*pictures)[0], before)
    assert count_parameters(network) > parameters
    with torch.no_grad():
        next(network.encoder.parameters()).add_(1.0)
    assert not torch.equal(network.encode_target(pictures[1]), network.encoder(pictures[1]))


def test_signals_keep_their_size_through_dfcs_network() -> None:
    """Codes and outputs of random pictures are neither tiny nor huge when training begins."""
    torch.manual_seed(0)
    network = CorrespondenceNet((16, 32, 64, 64))
    pictures = torch.randn(4, 3, 64, 64)
    with torch.no_grad():
        code, outputs = network.encoder(pictures), network(pictures, pictures.flip(0))
    assert 0.3 < float(code.square().mean().sqrt()) < 3.0
    for output in outputs:
        assert 0.2 < float(output.std()) < 5.0
        assert float((output[0] - output[1]).std()) > 0.1  # and they depend on the pictures
