#!/usr/bin/perl
# Adam as a target of induced-conformance, in plain Perl.
use strict;
use warnings;
use JSON::PP;

$| = 1;
my $json = JSON::PP->new->utf8;
my $manifest = '{"name":"perl adam","version":"1.0.0","dtypes":["float64"],'
  . '"arithmetic":{"float64":{"elementwise":"float64","sums":"float64"}},'
  . '"capabilities":["base/adam","weightDecay","bitwise"]}';
my %sessions;

# Perl prints 15 digits; 17 give every double back.
sub number {
    my ($x) = @_;
    return '"NaN"' if $x != $x;
    return $x > 0 ? '"Infinity"' : '"-Infinity"' if abs($x) == 9**9**9;
    return sprintf '%.17g', $x;
}

sub numbers { [ map { $_ + 0 } @{ $_[0] } ] }

sub refuse { die { code => $_[0], message => $_[1] } }

sub create {
    my ($request) = @_;
    my $t = $request->{transformation};
    my $base = $t->{base};
    refuse('ERR_NOT_SUPPORTED', "no base $base->{name}") if $base->{name} ne 'adam' || $base->{nesterov} || $base->{amsgrad} || $base->{cautious};
    my @theta = map { numbers($_->{data}) } @{ $request->{parameters} };
    return {
        %$base,
        rate => $t->{learningRate}, decay => $t->{weightDecay}, t => 0, theta => \@theta,
        m => [ map { [ (0) x @$_ ] } @theta ], v => [ map { [ (0) x @$_ ] } @theta ],
    };
}

sub step {
    my ($s, $gradients) = @_;
    $s->{t}++;
    my ($b1, $b2, $rate) = @$s{qw(beta1 beta2 rate)};
    my ($c1, $c2) = (1 - $b1**$s->{t}, 1 - $b2**$s->{t});
    for my $p (0 .. $#{ $s->{theta} }) {
        my $g = numbers($gradients->[$p]);
        my ($theta, $m, $v) = map { $s->{$_}[$p] } qw(theta m v);
        for my $i (0 .. $#$theta) {
            $m->[$i] = $b1 * $m->[$i] + (1 - $b1) * $g->[$i];
            $v->[$i] = $b2 * $v->[$i] + (1 - $b2) * $g->[$i]**2;
            my $direction = $m->[$i] / $c1 / (sqrt($v->[$i] / $c2) + $s->{epsilon});
            $theta->[$i] = (1 - $rate * $s->{decay}) * $theta->[$i] - $rate * $direction;
        }
    }
}

sub answer {
    my ($request) = @_;
    my $method = $request->{method};
    return qq({"protocol":1,"manifest":$manifest}) if $method eq 'hello';
    my $id = $request->{session};
    if ($method eq 'create') { $sessions{$id} = create($request); return '{}' }
    if ($method eq 'dispose') { delete $sessions{$id}; return '{}' }
    my $s = $sessions{$id} or refuse('ERR_DISPOSED', "session $id is disposed of");
    if ($method eq 'step') { step($s, $request->{gradients}); return '{}' }
    return '{"parameters":[' . join(',', map { '[' . join(',', map { number($_) } @$_) . ']' } @{ $s->{theta} }) . ']}';
}

while (my $line = <STDIN>) {
    my $reply = eval { answer($json->decode($line)) };
    if (my $error = $@) {
        $error = { code => 'ERR_INTERNAL', message => "$error" } unless ref $error;
        $reply = '{"error":' . $json->encode($error) . '}';
    }
    print "$reply\n";
}
