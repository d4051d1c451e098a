"""dfc's network (Yu 2017, section 3.3 and figure 3): two pictures -> flow and matchability."""

from collections.abc import Sequence

import torch
from torch import nn

# Not given in the paper; the same group's appearance-flow network has these (CONVENTIONS G).
WIDTHS = (32, 64, 128, 256)


class Encoder(nn.Module):
    """Picture (N, 3, H, W) -> (N, widths[-1], H / 16, W / 16): 8 convolutions with ReLU, every second of stride 2."""

    def __init__(self, widths: Sequence[int] = WIDTHS) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        before = 3
        for wide in widths:
            layers += [nn.Conv2d(before, wide, 3, 1, 1), nn.ReLU(), nn.Conv2d(wide, wide, 3, 2, 1), nn.ReLU()]
            before = wide
        self.layers = nn.Sequential(*layers)

    def forward(self, picture: torch.Tensor) -> torch.Tensor:
        """The code."""
        code: torch.Tensor = self.layers(picture)
        return code


class Decoder(nn.Module):
    """Two codes -> (N, widths[0], H, W): four triplets of convolution, convolution and deconvolution of stride 2, with
    a ReLU after the first and the third."""

    def __init__(self, widths: Sequence[int] = WIDTHS) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        before = 2 * widths[-1]
        for wide in reversed(widths):
            layers += [nn.Conv2d(before, wide, 3, 1, 1), nn.ReLU(), nn.Conv2d(wide, wide, 3, 1, 1)]
            layers += [nn.ConvTranspose2d(wide, wide, 4, 2, 1), nn.ReLU()]
            before = wide
        self.layers = nn.Sequential(*layers)

    def forward(self, codes: torch.Tensor) -> torch.Tensor:
        """Features in the size of the picture."""
        features: torch.Tensor = self.layers(codes)
        return features


class CorrespondenceNet(nn.Module):
    """Source and target (N, 3, H, W), sides multiples of 16 -> flow (N, 2, H, W) px and matchability (N, 2, H, W).

    flow: source to target, (dx, dy); matchability: logits of "no" and "yes". shared: one encoder for both pictures, as
    in training on pairs; `unshare` gives the target its own, as in fine-tuning on photos.
    """

    def __init__(self, widths: Sequence[int] = WIDTHS, shared: bool = True) -> None:
        super().__init__()
        self.widths = tuple(widths)
        self.encoder = Encoder(widths)
        self.target_encoder = None if shared else Encoder(widths)
        first = widths[0]
        self.flow = nn.Sequential(
            Decoder(widths),
            nn.Conv2d(first, first, 3, 1, 1),
            nn.ReLU(),
            nn.Conv2d(first, first, 3, 1, 1),
            nn.ReLU(),
            nn.Conv2d(first, 2, 3, 1, 1),
        )
        self.matchability = nn.Sequential(Decoder(widths), nn.Conv2d(first, 2, 3, 1, 1))
        self.apply(_start)

    def forward(self, source: torch.Tensor, target: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Flow and matchability."""
        return self.decode(self.encoder(source), self.encode_target(target))

    def encode_target(self, target: torch.Tensor) -> torch.Tensor:
        """The code of target pictures; that of a fixed target needs to be computed once."""
        encoder = self.encoder if self.target_encoder is None else self.target_encoder
        code: torch.Tensor = encoder(target)
        return code

    def decode(self, source_code: torch.Tensor, target_code: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Flow and matchability of codes; one target code serves all sources of a batch."""
        codes = torch.cat([source_code, target_code.expand_as(source_code)], dim=1)
        return self.flow(codes), self.matchability(codes)

    def unshare(self) -> None:
        """Give the target an encoder of its own that begins as a copy; nothing happens where it has one."""
        if self.target_encoder is None:
            self.target_encoder = Encoder(self.widths).to(next(self.parameters()).device)
            self.target_encoder.load_state_dict(self.encoder.state_dict())


def _start(layer: nn.Module) -> None:
    """He's deviations, which keep the size of what passes through 20 layers with ReLU; the paper does not tell its own.

    torch's own are smaller by a factor of 2.4 per layer, and outputs do not depend on the pictures at first.
    """
    if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d):
        # A pixel of a deconvolution of kernel 4 and stride 2 receives a quarter of its weights.
        share = 4.0 if isinstance(layer, nn.ConvTranspose2d) else 1.0
        fan = layer.weight[0].numel() if share == 1.0 else layer.weight.shape[0] * 16
        nn.init.normal_(layer.weight, std=(2.0 * share / fan) ** 0.5)
        if layer.bias is not None:
            nn.init.zeros_(layer.bias)
